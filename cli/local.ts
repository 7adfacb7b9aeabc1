/** `local up`, `local down` and `local status`. */
import { resolve } from 'node:path';
import { startInBackground, stopInBackground } from '../local/background.ts';
import { letBeginBlank, readRunner } from '../local/folder.ts';
import { runInForeground } from '../local/foreground.ts';
import { isAlive } from '../local/process-identity.ts';
import type { Context } from './context.ts';
import { CommandFailed, exitCodes } from './exit.ts';
import { print, tableOf } from './output.ts';
import { readAdmin } from './replicas.ts';

export async function up({ flags, world }: Context): Promise<void> {
  const file = flags.file === undefined ? undefined : resolve(world.workingFolder, flags.file);
  const out = world.stdout as NodeJS.WriteStream;
  if (flags.detach === true) await startInBackground({ file, workingFolder: world.workingFolder, out });
  else
    await runInForeground({
      file,
      workingFolder: world.workingFolder,
      out,
      warn: (line) => world.stderr.write(`${line}\n`),
    });
}

export async function down({ settings, world }: Context): Promise<void> {
  const stopped = await stopInBackground(settings.dataDir);
  if (stopped === null) throw new CommandFailed(`no cluster runs in ${settings.dataDir}`, exitCodes.notFound);
  world.stdout.write(`stopped cluster "${stopped}"; its data is kept in ${settings.dataDir}\n`);
}

export async function blank({ settings, world }: Context, node: string): Promise<void> {
  await letBeginBlank(settings.dataDir, node);
  const runs = (await readRunner(settings.dataDir)) !== null;
  world.stdout.write(
    `${node} begins blank ${runs ? 'within some seconds' : 'when the cluster starts next'}, and is filled from the others; chainctl topology shows how far it is\n`,
  );
}

export async function status({ settings, world }: Context): Promise<void> {
  const note = await readRunner(settings.dataDir);
  if (note === null) throw new CommandFailed(`no cluster runs in ${settings.dataDir}`, exitCodes.notFound);
  const processes = await Promise.all(
    note.processes.map(async (each) => {
      const alive = each.identity !== null && isAlive(each.identity);
      const answers = alive && (await readAdmin(each.admin, settings.timeoutMs)) !== null;
      return { ...each, state: answers ? 'running' : alive ? 'silent' : 'ended' };
    }),
  );
  print(world.stdout, settings.format ?? 'table', {
    data: {
      cluster: note.cluster,
      manifest: note.manifest,
      runner: note.runner.pid,
      endpoints: note.endpoints,
      processes: processes.map(({ identity, ...each }) => ({ ...each, pid: identity?.pid ?? null })),
    },
    table: () =>
      tableOf(
        ['PROCESS', 'STATE', 'PID', 'LINKS', 'ADMIN'],
        processes.map((p) => [p.name, p.state, `${p.identity?.pid ?? '-'}`, p.address, `http://${p.admin}`]),
      ),
    value: () => processes.map(({ name, state }) => `${name} ${state}\n`).join(''),
  });
}
