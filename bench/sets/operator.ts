/** What 200 ChainClusters cost the operator, on a Kubernetes of which only the API is real. */
import { measureOperator, type Phase } from '../operator/measure.ts';
import { verbs, writesIn } from '../operator/requests.ts';
import { disturbedCores, figure } from '../report/format.ts';
import type { Judged, Section } from '../report/report.ts';
import type { Bench, Findings } from './bench.ts';

const clusters = 200;
const pods = { startMs: 500, readyMs: 500, endMs: 300 };
const columns = [
  ...['s', 'reconciles', 'failed', 'p50 ms', 'p99 ms', 'most', 'wait ms'],
  ...['cores', 'MB', 'peak', 'others'],
];
const reconcileMsMax = 1000;
const residentMBMax = 150;

export async function operator(bench: Bench): Promise<Findings> {
  const { folder, windowMs: steadyMs, say } = bench;
  const phases = await measureOperator({ folder, clusters, steadyMs, pods, say });
  return { cells: [], sections: [phaseSection(phases), requestSection(phases)], targets: targetsOf(phases) };
}

function phaseSection(phases: readonly Phase[]): Section {
  return {
    title: `Operator: ${clusters} ChainClusters`,
    text: [
      'One operator, started as in its image, against an API server in memory that plays controllers, kubelets and coordinators too. Each cluster as in examples/chaincluster.yaml: 3 storage nodes, 3 coordinators, 64 slots.',
      'Created: until all are ready. Steady: nothing happens. Changed: config.logLevel of all at once, until every pod was restarted, one at a time. Restarted: the operator, until it has looked at all.',
      'Reconcile: out of the operator’s histogram; no reconciliation was longer than “most”. Wait: mean time until one of its 4 workers is free. Memory: resident, and its peak since the start. Others: cores that other programs used.',
    ],
    table: {
      head: ['', ...columns],
      rows: phases.map((phase) => [nameOf(phase), ...figuresOf(phase).map(figure)]),
    },
    charts: [],
  };
}

function figuresOf({ reconcile, wait, ...phase }: Phase): number[] {
  const { seconds, reconciles, failures, cores, othersCores, resident, peak } = phase;
  const ms = (of: number): number => (reconciles === 0 ? Number.NaN : of * 1000);
  return [
    ...[seconds, reconciles, failures, ms(reconcile.p50), ms(reconcile.p99), ms(reconcile.most)],
    ...[ms(wait.mean), cores, resident / 1e6, peak / 1e6, othersCores],
  ];
}

function requestSection(phases: readonly Phase[]): Section {
  return {
    title: 'Operator: requests to the API server',
    text: [
      'Renew: of its own election. Status: of a ChainCluster. Events are created, pods deleted and told of new configuration by a patch.',
    ],
    table: {
      head: ['', ...verbs],
      rows: phases.map((phase) => [
        nameOf(phase),
        ...verbs.map((verb) => figure(phase.requests.get(verb) ?? 0)),
      ]),
    },
    charts: [],
  };
}

function targetsOf(phases: readonly Phase[]): Judged[] {
  const calm = phases.filter(({ what }) => what === 'steady' || what === 'restarted');
  const written = calm.reduce((sum, { requests }) => sum + writesIn(requests), 0);
  const slowest = phases.reduce((a, b) => (b.reconcile.p99 > a.reconcile.p99 ? b : a));
  const slowestMs = slowest.reconcile.p99 * 1000;
  const disturbed = slowest.othersCores > disturbedCores;
  const largest = Math.max(...phases.map(({ resident }) => resident / 1e6));
  return [
    {
      what: 'writes while nothing happens, and after a restart of the operator',
      wanted: '0',
      got: figure(written),
      holds: written === 0,
    },
    {
      what: 'reconcile p99 in the slowest phase',
      wanted: `≤ ${reconcileMsMax} ms`,
      // What other programs held up says nothing of the operator.
      got: `${figure(slowestMs)} ms${disturbed ? ', disturbed' : ''}`,
      holds: disturbed ? null : slowestMs <= reconcileMsMax,
    },
    {
      what: `resident memory of the operator with ${clusters} clusters`,
      wanted: `≤ ${residentMBMax} MB`,
      got: `${figure(largest)} MB`,
      holds: largest <= residentMBMax,
    },
  ];
}

function nameOf({ what, clusters: count }: Phase): string {
  return `${figure(count)} ${what}`;
}
