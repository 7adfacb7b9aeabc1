/**
 * The load under which every story runs: clients that read and write a few keys at a steady rate through the client
 * library, and a record of every call for the checker. Runs as a pod of its own; the stories talk to it over HTTP.
 */
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { connect } from '../../client/index.ts';
import { Figures } from './figures.ts';
import { History } from './history.ts';
import { Wide } from './wide.ts';
import { readAll, runWorker } from './worker.ts';

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string', multiple: true, default: [] },
    /** Begins every key, so that stories do not meet. */
    prefix: { type: 'string', default: '' },
    /** Calls a second, all clients together. */
    rate: { type: 'string', default: '150' },
    clients: { type: 'string', default: '24' },
    keys: { type: 'string', default: '48' },
    /** Sends every call to this node only, which answers itself or refuses. */
    node: { type: 'string' },
    timeout: { type: 'string', default: '10000' },
    /** Writers over many keys beside the clients, whose history is checked; 0 = none. */
    writers: { type: 'string', default: '0' },
    'wide-keys': { type: 'string', default: '1000' },
    'wide-bytes': { type: 'string', default: '2000' },
    port: { type: 'string', default: '8080' },
  },
});

const clients = Number(values.clients);
const history = new History();
const figures = new Figures();
const stop = new AbortController();

const client = await connected();
const keys = Array.from({ length: Number(values.keys) }, (_, n) => `${values.prefix}${n}`);
const work = {
  client,
  keys,
  history,
  figures,
  options: { timeoutMs: Number(values.timeout), ...(values.node !== undefined && { node: values.node }) },
};
const workers = Array.from({ length: clients }, (_, n) =>
  runWorker(work, { everyMs: (clients / Number(values.rate)) * 1000, offset: n / clients }, stop.signal),
);

const wide = new Wide({
  connect: () => connect({ endpoints: values.endpoint }),
  prefix: values.prefix,
  keys: Number(values.writers) === 0 ? 0 : Number(values['wide-keys']),
  writers: Math.max(1, Number(values.writers)),
  valueBytes: Number(values['wide-bytes']),
  timeoutMs: Number(values.timeout),
  patienceMs: 10_000,
});
const filled = Number(values.writers) === 0 ? Promise.resolve() : wide.start(client);

const answers: Record<string, (query: URLSearchParams) => Promise<string>> = {
  '/figures': async () => JSON.stringify(figures.sections()),
  /** Begins a new section of the figures. */
  '/mark': async (query) => {
    figures.begin(query.get('name') ?? '');
    return 'ok';
  },
  /** Ends the load, and reads every key once more: an acknowledged write that was lost shows there. */
  '/stop': async () => {
    stop.abort();
    await Promise.all([...workers, wide.stop()]);
    figures.begin('last look');
    await readAll(work);
    return 'ok';
  },
  '/history': async () => history.text(),
  /** Acknowledged writes of the many writers; answers when each of their keys was written once. */
  '/wide': async () => {
    await filled;
    return `${wide.acknowledged}`;
  },
  /** Ends the many writers, and reads every member by itself. */
  '/members': async (query) => JSON.stringify(await wide.members(Number(query.get('replicas')))),
};

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://load');
  const answer = answers[url.pathname];
  if (answer === undefined) {
    response.writeHead(404).end();
    return;
  }
  answer(url.searchParams).then(
    (text) => response.end(text),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}).listen(Number(values.port), () => console.log(`load: ${values.rate} calls/s on ${keys.length} keys`));

filled.catch((error: Error) => console.error(`load: ${error.message}`));

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));

async function connected() {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect({ endpoints: values.endpoint });
    } catch (error) {
      if (attempt === 20) throw error;
      console.log(`load: ${(error as Error).message}`);
      await new Promise((resume) => setTimeout(resume, 1000));
    }
  }
}
