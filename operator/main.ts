import pino from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { readConfig } from './config.ts';
import { httpCoordinatorViews } from './coordinator-view.ts';
import { runOperator } from './operator.ts';
import { systemClock } from './runtime/clock.ts';
import { connect } from './runtime/connection.ts';
import { findAccess } from './runtime/kube-access.ts';
import { electionIdentity } from './runtime/lease-election.ts';
import { createMetrics } from './runtime/metrics.ts';

/** The operator's process: the only place that touches the environment, signals and the exit code. */
const config = readConfig(process.env);
const log = pino({ level: config.logLevel });
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.info({ signal }, 'Stopping');
    stop.abort(new Error(signal));
  });
}

const metrics = createMetrics();
collectDefaultMetrics({ register: metrics.registry });

try {
  await runOperator(
    {
      connection: connect(await findAccess(process.env), metrics),
      views: httpCoordinatorViews(),
      clock: systemClock,
      random: Math.random,
      log,
      metrics,
      identity: electionIdentity(),
    },
    config,
    stop.signal,
  );
  log.info('Stopped');
  process.exit(0);
} catch (error) {
  log.fatal({ err: error }, 'Ended');
  process.exit(1);
}
