// Assembles Lua scripts from lua/ and runs them by name. A script's header is its declaration:
// keys, arguments, includes. Nothing in Lua says KEYS[3]; the assembly declares `key_requests`,
// `arg_head`, and for lists `key_class(0)`, `arg_id(1)`.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import { CODES } from './codes.ts';

const LUA_DIRECTORY = new URL('../../lua/', import.meta.url);

/** What a script's header declares. Lists come last and are marked by `[]`. */
export interface ScriptHeader {
  readonly keys: readonly string[];
  readonly keyLists: readonly string[];
  readonly args: readonly string[];
  readonly argLists: readonly string[];
  readonly includes: readonly string[];
}

export interface AssembledScript {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
  readonly header: ScriptHeader;
  /** Line n of the source (from 1) → "file:line", to make error messages readable. */
  readonly origins: readonly string[];
}

export interface AssemblyOptions {
  /** Rule files put in at `--- @rules`, in this order. */
  readonly rules?: readonly string[];
  /** Included files that this variant leaves out. */
  readonly without?: readonly string[];
  /** Flags of the `#!lua` line. */
  readonly flags?: string;
}

function readLua(file: string): string {
  return readFileSync(new URL(file, LUA_DIRECTORY), 'utf8');
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
  return {
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
  return line.replace(/\b([A-Z]{3,})\.([a-z_]+)\b/g, (_, table: string, name: string) => {
    const codes: Readonly<Record<string, number | string>> | undefined = (
      CODES as Readonly<Record<string, Readonly<Record<string, number | string>>>>
    )[table];
    const code = codes?.[name];
    if (code === undefined) throw new Error(`${where}: unknown code ${table}.${name}`);
    return String(code);
  });
}

/** The names that the header declares, bound to KEYS and ARGV. */
function bindings(header: ScriptHeader): string[] {
  const lines: string[] = [];
  header.keys.forEach((name, i) => lines.push(`local key_${name} = KEYS[${i + 1}]`));
  // ARGV[1] tells how long each key list is.
  let from = `${header.keys.length + 1}`;
  header.keyLists.forEach((name, i) => {
    lines.push(`local ${name}_from = ${from}`);
    lines.push(
      `local ${name}_count = string.byte(ARGV[1], ${2 * i + 1}) + 256 * string.byte(ARGV[1], ${2 * i + 2})`,
    );
    lines.push(`local function key_${name}(i) return KEYS[${name}_from + i] end`);
    from = `${name}_from + ${name}_count`;
  });
  header.args.forEach((name, i) => lines.push(`local arg_${name} = ARGV[${i + 2}]`));
  const list = header.argLists[0];
  if (list !== undefined) {
    lines.push(`local function arg_${list}(i) return ARGV[${header.args.length + 1} + i] end`);
  }
  return lines;
}

const moduleOf = (file: string): string => file.replace(/^.*\//, '').replace(/\.lua$/, '');

/**
 * Assembles `file` with its includes. Each included file fills the module table that bears its
 * name; all of them are declared first, so files may refer to one another.
 */
export function assemble(
  name: string,
  file: string,
  options: AssemblyOptions = {},
): AssembledScript {
  const main = readLua(file);
  const header = readHeader(main);
  const rules = options.rules ?? [];
  const files = header.includes
    .flatMap((include) => (include === '@rules' ? [...rules, '@rules'] : [include]))
    .filter((include) => !options.without?.includes(include));
  const modules = files.filter((include) => include !== '@rules').map(moduleOf);

  const lines: string[] = [];
  const origins: string[] = [];
  const add = (text: string, origin: string): void => {
    lines.push(text);
    origins.push(origin);
  };
  if (options.flags !== undefined) add(`#!lua flags=${options.flags}`, 'assembly');
  for (const line of bindings(header)) add(line, 'assembly');
  if (modules.length > 0) {
    add(`local ${modules.join(', ')} = ${modules.map(() => '{}').join(', ')}`, 'assembly');
  }
  for (const include of files) {
    if (include === '@rules') {
      for (const rule of rules) add(`rules.add(${moduleOf(rule)})`, 'assembly');
      continue;
    }
    add('do', 'assembly');
    const text = readLua(include).trimEnd().split('\n');
    text.forEach((line, i) => add(putCodes(line, `${include}:${i + 1}`), `${include}:${i + 1}`));
    add('end', 'assembly');
  }
  main
    .trimEnd()
    .split('\n')
    .forEach((line, i) => add(putCodes(line, `${file}:${i + 1}`), `${file}:${i + 1}`));

  const source = lines.join('\n');
  const sha = createHash('sha1').update(source).digest('hex');
  return { name, source, sha, header, origins };
}

type Argument = string | Buffer | number;

/** Keys and arguments by their declared names, put in the order of the header. */
export interface BoundKeys {
  readonly count: number;
  readonly keys: readonly string[];
  readonly listLengths: Buffer;
}

/** Orders keys by the header; throws where one is missing, so a misspelling is seen at start-up. */
export function bindKeys(
  script: AssembledScript,
  keys: Readonly<Record<string, string>>,
  lists: Readonly<Record<string, readonly string[]>> = {},
): BoundKeys {
  const pick = <T>(from: Readonly<Record<string, T>>, name: string): T => {
    const value = from[name];
    if (value === undefined) throw new Error(`script ${script.name}: key ${name} is not given`);
    return value;
  };
  const single = script.header.keys.map((name) => pick(keys, name));
  const listed = script.header.keyLists.map((name) => pick(lists, name));
  const listLengths = Buffer.alloc(2 * Math.max(1, listed.length));
  listed.forEach((list, i) => listLengths.writeUInt16LE(list.length, 2 * i));
  const all = [...single, ...listed.flat()];
  return { count: all.length, keys: all, listLengths };
}

/** Puts "file:line" where Redis names a line of the assembled text. */
function readable(script: AssembledScript, error: Error): Error {
  const message = error.message.replace(/user_script:(\d+)/g, (whole, line: string) => {
    return script.origins[Number(line) - 1] ?? whole;
  });
  return new Error(`script ${script.name}: ${message}`, { cause: error });
}

/**
 * Runs a script by its hash; loads it where the server has lost it (SCRIPT FLUSH, fail-over).
 * Replies come as Buffers. Store errors pass through, a script's own with readable places.
 */
export async function runScript(
  redis: Redis,
  script: AssembledScript,
  bound: BoundKeys,
  args: readonly Argument[],
): Promise<unknown> {
  const rest: Argument[] = [bound.count, ...bound.keys, bound.listLengths, ...args];
  try {
    return await redis.callBuffer('evalsha', [script.sha, ...rest]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.message.startsWith('NOSCRIPT')) {
      return redis.callBuffer('eval', [script.source, ...rest]);
    }
    throw error.message.includes('user_script:') ? readable(script, error) : error;
  }
}

/** Checks that the header of a script declares just these names; for start-up and tests. */
export function checkHeader(
  script: AssembledScript,
  expected: Omit<ScriptHeader, 'includes'>,
): void {
  for (const part of ['keys', 'keyLists', 'args', 'argLists'] as const) {
    const declared = script.header[part].join(' ');
    if (declared !== expected[part].join(' ')) {
      throw new AppError(
        'internal',
        `Script ${script.name} declares ${part} "${declared}"; the daemon gives "${expected[part].join(' ')}".`,
      );
    }
  }
}
