// Assembles Lua scripts from lua/ into the text of Redis function libraries. A script's
// header is its declaration: entries, keys, arguments, includes. Nothing in Lua says KEYS[3]; the
// assembly declares `key_requests`, `arg_head`, and for lists `key_class(0)`, `arg_id(1)`.
//
// A library's name contains the hash of its text, so two versions of the daemon can work on one
// Redis, each with its own.
import { createHash } from 'node:crypto';
import { CODES } from './codes.ts';
import { moduleOf, readLua } from './lua-files.ts';
import { putCharges, ruleCalls } from './rule-calls.ts';
import type { RuleGroups } from './rule-calls.ts';

/** What the names of all our libraries begin with. */
export const LIBRARY_PREFIX = 'slotkeeper_';

/** What a script's header declares. Lists come last and are marked by `[]`. */
export interface ScriptHeader {
  readonly entries: readonly { readonly name: string; readonly flags: readonly string[] }[];
  readonly keys: readonly string[];
  readonly keyLists: readonly string[];
  readonly args: readonly string[];
  readonly argLists: readonly string[];
  readonly includes: readonly string[];
}

export interface AssembledScript {
  readonly name: string;
  readonly library: string;
  readonly source: string;
  readonly header: ScriptHeader;
  /** Line n of the source (from 1) → "file:line", to make error messages readable. */
  readonly origins: readonly string[];
}

/** Reads the `--- @key`, `@arg` and `@include` lines of a script. */
export function readHeader(source: string): ScriptHeader {
  const of = (kind: string): string[] =>
    [...source.matchAll(new RegExp(`^--- @${kind} (\\S+)`, 'gm'))].map((match) => match[1] ?? '');
  const single = (names: string[]) => names.filter((name) => !name.endsWith('[]'));
  const lists = (names: string[]) =>
    names.filter((name) => name.endsWith('[]')).map((name) => name.slice(0, -2));
  const keys = of('key');
  const args = of('arg');
  const entries = [...source.matchAll(/^--- @entry (\S+)(.*)$/gm)].map(
    ([, name = '', flags = '']) => {
      return { name, flags: flags.split(' ').filter((flag) => flag !== '') };
    },
  );
  return {
    entries,
    keys: single(keys),
    keyLists: lists(keys),
    args: single(args),
    argLists: lists(args),
    includes: [...source.matchAll(/^--- @(?:include (\S+)|(rules))$/gm)].map(
      (match) => match[1] ?? '@rules',
    ),
  };
}

/** Puts numbers in place of `TAG.granted`; an unknown name is a defect of the script. */
function putCodes(line: string, where: string): string {
  return line.replace(/\b([A-Z]{2,})\.([a-z_]+)\b/g, (_, table: string, name: string) => {
    const codes: Readonly<Record<string, number | string>> | undefined = (
      CODES as Readonly<Record<string, Readonly<Record<string, number | string>>>>
    )[table];
    const code = codes?.[name];
    if (code === undefined) throw new Error(`${where}: unknown code ${table}.${name}`);
    return String(code);
  });
}

/** Declares the names of the header, and `bind`, which gives them their values for one call. */
function bindings(header: ScriptHeader): string[] {
  const { keys, keyLists, args } = header;
  const names = [
    ...keys.map((name) => `key_${name}`),
    ...keyLists.flatMap((name) => [`${name}_from`, `${name}_count`]),
    ...args.map((name) => `arg_${name}`),
  ];
  const lines = ['local KEYS, ARGV, variant', ...names.map((name) => `local ${name}`)];
  lines.push('local function bind(keys, args, entry)', '  KEYS, ARGV, variant = keys, args, entry');
  keys.forEach((name, i) => lines.push(`  key_${name} = keys[${i + 1}]`));
  args.forEach((name, i) => lines.push(`  arg_${name} = args[${i + 2}]`));
  // The first argument tells how long each key list is.
  let from = `${keys.length + 1}`;
  keyLists.forEach((name, i) => {
    lines.push(`  ${name}_from = ${from}`);
    lines.push(
      `  ${name}_count = string.byte(args[1], ${2 * i + 1}) + 256 * string.byte(args[1], ${2 * i + 2})`,
    );
    from = `${name}_from + ${name}_count`;
  });
  lines.push('end');
  return lines;
}

/** Registers every entry of the header under `library`_`entry`. */
function registrations(header: ScriptHeader, library: string): string[] {
  return header.entries.map(({ name, flags }) => {
    const list = flags.map((flag) => `'${flag}'`).join(', ');
    return (
      `redis.register_function{ function_name = '${library}_${name}', flags = { ${list} }, ` +
      `callback = function(keys, args) bind(keys, args, '${name}') return main() end }`
    );
  });
}

/** Puts the place in the lists where a script asks for an item of one: `key_class(n)`, `arg_id(i)`. */
function putItems(line: string, header: ScriptHeader): string {
  let text = line;
  for (const name of header.keyLists) {
    text = text.replaceAll(
      new RegExp(`\\bkey_${name}\\(([^()]*(?:\\[[^\\]]*\\])?)\\)`, 'g'),
      `KEYS[${name}_from + $1]`,
    );
  }
  for (const name of header.argLists) {
    const from = header.args.length + 1;
    text = text.replaceAll(new RegExp(`\\barg_${name}\\(([^()]*)\\)`, 'g'), `ARGV[${from} + $1]`);
  }
  return text;
}

/**
 * Assembles `file` with its includes; rules are put in at `--- @rules`, in their order. Each
 * included file fills the module table that bears its name; all of them are declared first, so
 * files may refer to one another. What a file declares stays in memory between calls: what belongs
 * to one call is set by its `begin`.
 */
export function assemble(file: string, groups: RuleGroups = {}): AssembledScript {
  const rules = Object.values(groups).flat();
  const name = moduleOf(file);
  const main = readLua(file);
  const header = readHeader(main);
  const files = header.includes.flatMap((include) =>
    include === '@rules' ? [...rules, '@rules'] : [include],
  );
  const modules = files.filter((include) => include !== '@rules').map(moduleOf);

  const lines: string[] = [];
  const origins: string[] = [];
  const own = (text: string): void => {
    lines.push(text);
    origins.push('assembly');
  };
  const put = (from: string, text: string): void => {
    text
      .trimEnd()
      .split('\n')
      .forEach((line, i) => {
        const origin = `${from}:${i + 1}`;
        lines.push(putItems(putCodes(putCharges(line, groups['rules'] ?? []), origin), header));
        origins.push(origin);
      });
  };
  own('#!lua name=LIBRARY');
  for (const line of bindings(header)) own(line);
  if (modules.length > 0) {
    own(`local ${modules.join(', ')} = ${modules.map(() => '{}').join(', ')}`);
  }
  for (const include of files) {
    if (include === '@rules') {
      for (const [group, members] of Object.entries(groups)) {
        for (const line of ruleCalls(group, members)) own(putCodes(line, group));
      }
    } else {
      own('do');
      put(include, readLua(include));
      own('end');
    }
  }
  own('local function main()');
  put(file, main);
  own('end');

  const hash = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 12);
  const library = `${LIBRARY_PREFIX}${name}_${hash}`;
  lines[0] = `#!lua name=${library}`;
  for (const line of registrations(header, library)) own(line);
  return { name, library, source: lines.join('\n'), header, origins };
}
