/**
 * How Node is told to run the operator: the chart and the image name the same flags (helm/chart.test.ts). What the
 * operator holds is small, but a heap that is let grow fills up with what is garbage already; and unless it is told, Node
 * takes the whole limit of its container for the heap.
 */
export const nodeFlags = ['--optimize-for-size', '--max-old-space-size-percentage=50'] as const;
