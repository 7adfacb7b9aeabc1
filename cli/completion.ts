/** `completion`: scripts that ask `chainctl __complete` what may come next, so that they never grow old. */
import type { Command } from 'commander';
import type { Context } from './context.ts';

export async function completion({ world }: Context, shell: string): Promise<void> {
  world.stdout.write(scripts[shell as keyof typeof scripts]);
}

/** Prints what the last word may be, one a line. The words before it come first, without `chainctl`. */
export async function complete({ world, program }: Context, ...given: string[]): Promise<void> {
  const words = given.flat();
  for (const candidate of candidates(program, words)) world.stdout.write(`${candidate}\n`);
}

function candidates(program: Command, words: readonly string[]): string[] {
  const last = words.at(-1) ?? '';
  let command = program;
  for (const word of words.slice(0, -1)) {
    if (word.startsWith('-')) continue;
    const next = visible(command).find((each) => each.name() === word || each.aliases().includes(word));
    if (next === undefined) break;
    command = next;
  }
  const chosen = chosenBy(command, program, words.at(-2));
  const all = chosen ?? [
    ...(last.startsWith('-')
      ? flagsOf(command, program)
      : [...visible(command).map((each) => each.name()), ...argumentsOf(command)]),
  ];
  return all.filter((candidate) => candidate.startsWith(last));
}

/** The values of the flag before, when it has a list of them. */
function chosenBy(
  command: Command,
  program: Command,
  before: string | undefined,
): readonly string[] | undefined {
  const option = [...command.options, ...program.options].find(
    (each) => each.long === before || each.short === before,
  );
  return option?.argChoices;
}

const visible = (command: Command): Command[] =>
  command.commands.filter((each) => !each.name().startsWith('__')) as Command[];

const flagsOf = (command: Command, program: Command): string[] =>
  [...new Set([...command.options, ...program.options])]
    .flatMap((option) => option.long ?? [])
    .concat('--help');

const argumentsOf = (command: Command): readonly string[] =>
  command.registeredArguments.flatMap((each) => each.argChoices ?? []);

const scripts = {
  bash: `_chainctl() {
  local IFS=$'\\n'
  COMPREPLY=($(chainctl __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _chainctl chainctl
`,
  zsh: `#compdef chainctl
_chainctl() {
  local -a found
  found=(\${(f)"$(chainctl __complete -- "\${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _chainctl chainctl
`,
  fish: `complete -c chainctl -f -a '(chainctl __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;
