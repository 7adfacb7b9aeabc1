/**
 * The tree of commands: names, arguments, flags and help. What a command does is in a file of its own, loaded when it runs,
 * so that each command starts as fast as it can.
 */
import { Argument, Command, Option } from 'commander';
import type { Context } from './context.ts';
import { formats } from './output.ts';
import { type GlobalFlags, settingsOf } from './settings.ts';
import type { World } from './world.ts';

type Action = (context: Context, ...args: string[]) => Promise<void>;

/** Everything that `chainctl` understands. */
export function buildProgram(world: World): Command {
  const program = new Command('chainctl')
    .description('Reads, writes and looks after a chaincluster.')
    .configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(text),
      getOutHelpWidth: () => world.stdout.columns ?? 100,
      getErrHelpWidth: () => world.stderr.columns ?? 100,
      outputError: (text, write) => write(text.replace(/^error: /, 'chainctl: ')),
    })
    .exitOverride()
    .showHelpAfterError('(add --help for what is understood)')
    .option(
      '--endpoints <list>',
      'host:port of nodes, with commas between them [CHAIN_ENDPOINTS; the cluster that runs here]',
    )
    .option(
      '--timeout <time>',
      'for one operation with all its attempts: 500ms, 10s, 2m [CHAIN_TIMEOUT; 10s]',
    )
    .addOption(
      new Option('-o, --output <format>', `how to print [CHAIN_OUTPUT; depends on the command]`).choices(
        formats,
      ),
    )
    .option('--no-color', 'no colours [NO_COLOR]')
    .option('--data-dir <folder>', 'where a local cluster keeps its data [CHAIN_DATA_DIR; .chaincluster]')
    .addHelpText(
      'after',
      examples(['chainctl put greeting hello', 'chainctl get greeting', 'chainctl topology']),
    )
    .addHelpText('after', exitCodesHelp);
  const action =
    (load: () => Promise<Action>) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command;
      const run = await load();
      const flags = command.opts();
      await run(
        { world, settings: settingsOf(command.optsWithGlobals<GlobalFlags>(), world), flags, program },
        ...(given.slice(0, -2) as string[]),
      );
    };
  addData(program, action);
  addFiles(program, action);
  addExport(program, action);
  addCluster(program, action);
  addLocal(program, action);
  addOther(program, action);
  return program;
}

type MakeAction = (load: () => Promise<Action>) => (...given: unknown[]) => Promise<void>;

function addData(program: Command, action: MakeAction): void {
  withKey(program.command('get <key>'))
    .description('read a key')
    .addOption(
      new Option('--level <level>', 'how new the value must be')
        .choices(['strong', 'bounded', 'session', 'eventual'])
        .default('strong'),
    )
    .option('--bound-ms <ms>', 'with --level bounded: the greatest age of the answer')
    .option('--node <name>', 'ask this node alone')
    .addHelpText(
      'after',
      examples([
        'chainctl get greeting',
        'chainctl get greeting -o json',
        'chainctl get blob -o value > file',
      ]),
    )
    .action(action(async () => (await import('./data.ts')).get));
  withConditions(withKey(program.command('put <key> <value>')))
    .description('write a value: VALUE itself, - for stdin, or @FILE')
    .option('--literal', 'take VALUE as it is, even if it is - or begins with @')
    .addHelpText(
      'after',
      examples([
        'chainctl put greeting hello',
        'chainctl put photo @photo.jpg',
        'date | chainctl put now -',
        "chainctl put k v --if 'revision<=7'",
      ]),
    )
    .action(action(async () => (await import('./data.ts')).put));
  withConditions(withKey(program.command('del <key>').alias('delete')))
    .description('delete a key')
    .addHelpText('after', examples(['chainctl del greeting', 'chainctl del greeting --if-exists']))
    .action(action(async () => (await import('./data.ts')).del));
  withConditions(withKey(program.command('add <key> <number>')))
    .description('add to a counter, exactly once; an absent one counts as 0')
    .addHelpText('after', examples(['chainctl add visits 1', 'chainctl add visits -5']))
    .action(action(async () => (await import('./data.ts')).add));
}

function addFiles(program: Command, action: MakeAction): void {
  program
    .command('import <file>')
    .description('write the records of a file: JSON lines or one JSON array; - for stdin')
    .option(
      '--key <template>',
      'key of a record, with its fields in braces; {#} is its number. {{ and }} are braces',
    )
    .option('--value <field>', 'the value is this field of the record (default: the whole record)')
    .option('-c, --concurrency <n>', 'writes under way at once', '128')
    .option('--max-errors <n>', 'stop after more errors than this', '0')
    .option('--resume <state>', 'note progress in this file, and go on from there')
    .addHelpText(
      'after',
      examples([
        "chainctl import cities.json --key 'city/{country}/{name}/{#}'",
        "chainctl import users.jsonl --key 'user/{id}' --value profile -c 256 --resume users.state",
        'chainctl import backup.jsonl      (what export wrote)',
      ]),
    )
    .action(action(async () => (await import('./import.ts')).importFile));
}

function addExport(program: Command, action: MakeAction): void {
  program
    .command('export [file]')
    .description('write all keys and values as JSON lines, to stdout or a file; import reads them back')
    .option('--prefix <text>', 'only keys that begin with this')
    .addHelpText(
      'after',
      examples(['chainctl export backup.jsonl', 'chainctl export --prefix city/FR/ | head']),
    )
    .addHelpText(
      'after',
      '\nEach slot shows what one member had committed while it was read: the whole is no snapshot of one moment.',
    )
    .action(action(async () => (await import('./export.ts')).exportAll));
}

function addCluster(program: Command, action: MakeAction): void {
  program
    .command('topology')
    .description('show every chain: its version, members in order, and how far they are')
    .option('--slot <n>', 'only this slot')
    .action(action(async () => (await import('./topology.ts')).topology));
  program
    .command('status')
    .description('show nodes and coordinators, and what the cluster waits for')
    .action(action(async () => (await import('./status.ts')).status));
  program
    .command('drain <node>')
    .description('take a node out of every chain; waits until it is in none')
    .option('--no-wait', 'return at once')
    .addHelpText('after', examples(['chainctl drain node-2', 'chainctl undrain node-2']))
    .action(action(async () => (await import('./drain.ts')).drain));
  program
    .command('undrain <node>')
    .description('let a drained node take part again')
    .action(action(async () => (await import('./drain.ts')).undrain));
  program
    .command('scrub')
    .description('let nodes read all of their records now, repair what is damaged, and compare members')
    .option('--node <name>', 'only this node')
    .option('--status', 'begin nothing; show how far nodes are, and what was found and repaired')
    .addHelpText(
      'after',
      examples(['chainctl scrub', 'chainctl scrub --node node-2', 'chainctl scrub --status']),
    )
    .action(action(async () => (await import('./scrub.ts')).scrub));
  program
    .command('recover')
    .description("build a coordinator's lost state anew from what the nodes report")
    .option(
      '--cluster-id <id>',
      'the id that the nodes have (default: the one that they tell the coordinator)',
    )
    .option(
      '--give-up <nodes>',
      'nodes that never come back, with commas between them: what only they have is lost',
    )
    .option(
      '--give-up-slots <slots>',
      'slots that no node knows, with commas between them: they begin anew, empty',
    )
    .option('--coordinator <host:port>', 'admin address of a coordinator (default: the one that runs here)')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples(['chainctl recover', 'chainctl recover --give-up node-3 --yes']))
    .action(action(async () => (await import('./recover.ts')).recover));
}

function addLocal(program: Command, action: MakeAction): void {
  const local = program.command('local').description('run a cluster as processes on this machine');
  local
    .command('up')
    .description('start it; runs until Ctrl-C unless --detach')
    .option('-f, --file <manifest>', 'the ChainCluster to run (default: examples/local.yaml)')
    .option('-d, --detach', 'return when it is ready; it goes on in the background')
    .addHelpText('after', examples(['chainctl local up', 'chainctl local up -f my-cluster.yaml --detach']))
    .action(action(async () => (await import('./local.ts')).up));
  local
    .command('down')
    .description('stop it; the data is kept')
    .action(action(async () => (await import('./local.ts')).down));
  local
    .command('blank')
    .description('let a node whose store is lost begin blank, to be filled from the others')
    .argument('<node>', 'its name, such as node-2')
    .addHelpText('after', examples(['chainctl local blank node-2']))
    .action(action(async () => (await import('./local.ts')).blank));
  local
    .command('status')
    .description('show its processes')
    .action(action(async () => (await import('./local.ts')).status));
}

function addOther(program: Command, action: MakeAction): void {
  program
    .command('version')
    .description('print the version')
    .action(action(async () => (await import('./version.ts')).version));
  program
    .command('completion')
    .description('print a script that completes commands and flags in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      examples(['source <(chainctl completion bash)', 'chainctl completion fish | source']),
    )
    .action(action(async () => (await import('./completion.ts')).completion));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(action(async () => (await import('./completion.ts')).complete));
}

function withKey(command: Command): Command {
  return command.option('--hex', 'KEY is in hex').option('--base64', 'KEY is in base64');
}

function withConditions(command: Command): Command {
  const collect = (one: string, all: readonly string[] = []): string[] => [...all, one];
  return command
    .option('--if-absent', 'only if there is no such key')
    .option('--if-exists', 'only if there is such a key')
    .option('--if-version <n>', 'only if it was written so often since it was created')
    .option('--if-revision <n>', 'only if its last write is this one')
    .option('--if <condition>', 'only if this holds, such as "version>=3"; may be repeated', collect);
}

const examples = (lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;

const exitCodesHelp = `
Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found, 4 unavailable or no answer in time, 5 a condition did not hold.`;
