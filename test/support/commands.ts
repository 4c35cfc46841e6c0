// Commands that documents tell people to type, and whether the command line knows them: the words,
// the options, how many arguments.
import type { Command } from 'commander';

const FENCED = /^ *```sh\n([\s\S]*?)^ *```$/gm;
const INLINE = /`(slotkeeper [^`]+)`/g;

/** Each command as it is typed, without its comment. */
export function commandsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(FENCED)].flatMap(([, block = '']) => block.split('\n'));
  const inline = [...text.matchAll(INLINE)].map(([, command = '']) => command);
  return [...blocks, ...inline]
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line.startsWith('slotkeeper '));
}

const wordsOf = (command: string): readonly string[] =>
  [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );

/** What is wrong with it; undefined where nothing is. */
export function faultOf(program: Command, typed: string): string | undefined {
  let [command, given] = [program, 0];
  const words = wordsOf(typed).slice(1);
  const seen = new Set<string>();
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    const next = command.commands.find((one) => one.name() === word);
    if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => word === long || word === short);
      if (option === undefined) return `there is no option ${word} of ${command.name()}`;
      seen.add(option.attributeName());
      if (option.required) i += 1;
    } else if (next !== undefined && given === 0) command = next;
    else given += 1;
  }
  return incomplete(command, given, seen);
}

function incomplete(
  command: Command,
  given: number,
  seen: ReadonlySet<string>,
): string | undefined {
  const name = command.name();
  const { registeredArguments: known } = command;
  if (command.commands.length > 0) return `${name} needs one of its commands`;
  if (given > known.length && !known.some((one) => one.variadic))
    return `too many words for ${name}`;
  if (given < known.filter((one) => one.required).length) return `too few words for ${name}`;
  const missing = command.options.find((one) => one.mandatory && !seen.has(one.attributeName()));
  const isPreset = missing !== undefined && missing.defaultValue !== undefined;
  return missing === undefined || isPreset ? undefined : `${name} needs ${missing.flags}`;
}
