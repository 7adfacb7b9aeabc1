/** The story of a run: always as a hash that proves that two runs were the same, and as text for who asks. */
export interface Trace {
  readonly wanted: boolean;
  /** One event. Numbers go into the hash; `text` is only made when somebody reads the trace. */
  note(label: string, a: number, b: number, slot: number, text: () => string): void;
  readonly hash: string;
  readonly lines: readonly TraceLine[];
}

export interface TraceLine {
  readonly time: number;
  /** -1: concerns no slot, or all. */
  readonly slot: number;
  readonly text: string;
}

export function createTrace(schedule: { readonly now: number }, wanted: boolean): Trace {
  const lines: TraceLine[] = [];
  const labels = new Map<string, number>();
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  const mix = (n: number): void => {
    low = Math.imul(low ^ n, 0x01000193);
    high = Math.imul(high ^ (n + (low >>> 15)), 0x85ebca6b);
  };
  return {
    wanted,
    note(label, a, b, slot, text) {
      mix(labelNumber(labels, label));
      mix(Math.floor(schedule.now * 1000));
      mix(a);
      mix(b);
      mix(slot);
      if (wanted) lines.push({ time: schedule.now, slot, text: `${label.padEnd(12)} ${text()}` });
    },
    get hash() {
      return (low >>> 0).toString(16).padStart(8, '0') + (high >>> 0).toString(16).padStart(8, '0');
    },
    lines,
  };
}

function labelNumber(labels: Map<string, number>, label: string): number {
  let n = labels.get(label);
  if (n === undefined) {
    n = 0;
    for (let i = 0; i < label.length; i++) n = (Math.imul(n, 31) + label.charCodeAt(i)) | 0;
    labels.set(label, n);
  }
  return n;
}
