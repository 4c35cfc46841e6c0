// Calls the entries of assembled scripts: orders keys by their names, loads the library where the
// server does not have it, and makes error messages name the right file.
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import { FunctionCall, framed } from './call.ts';
import type { FramedKeys, Word } from './call.ts';
import { LIBRARY_PREFIX, type AssembledScript, type ScriptHeader } from './assemble.ts';

/** Keys and arguments by their declared names, put in the order of the header. */
export interface BoundKeys extends FramedKeys {
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
  const words = [String(all.length), ...all, listLengths];
  const count = all.length;
  return { count, keys: all, listLengths, words: words.length, framed: framed(words) };
}

/** Puts "file:line" where Redis names a line of the assembled text. */
function readable(script: AssembledScript, error: Error): Error {
  const message = error.message.replace(/user_function:(\d+)/g, (whole, line: string) => {
    return script.origins[Number(line) - 1] ?? whole;
  });
  return new Error(`script ${script.name}: ${message}`, { cause: error });
}

/**
 * Calls an entry; loads the library where the server does not have it (a new server, FUNCTION
 * FLUSH). Replies come as Buffers. Store errors pass through, a script's own with readable places.
 */
export async function callScript(
  redis: Redis,
  script: AssembledScript,
  entry: string,
  bound: BoundKeys,
  args: readonly Word[],
): Promise<unknown> {
  const call = (): Promise<unknown> =>
    redis.sendCommand(
      new FunctionCall(`${script.library}_${entry}`, bound, args),
    ) as Promise<unknown>;
  try {
    return await call().catch(async (error: unknown) => {
      const isLoaded = !(error instanceof Error && error.message.includes('Function not found'));
      if (isLoaded) throw error;
      await redis.call('function', ['load', 'replace', script.source]);
      return await call();
    });
  } catch (error) {
    const isOurs = error instanceof Error && error.message.includes('user_function:');
    throw isOurs ? readable(script, error) : error;
  }
}

/**
 * Deletes the libraries of other versions. They would do no harm but for their place in Lua's memory,
 * which makes its collector slower for all. A daemon that still uses one loads it again at its next
 * call; so this is for start-up, once, or two versions would delete each other's for ever.
 */
export async function dropOtherVersions(
  redis: Redis,
  current: readonly AssembledScript[],
): Promise<void> {
  const ours = new Set(current.map((script) => script.library));
  const listed = await redis.call('function', ['list', 'libraryname', `${LIBRARY_PREFIX}*`]);
  for (const facts of listed as readonly unknown[][]) {
    const name = facts[facts.indexOf('library_name') + 1];
    if (typeof name === 'string' && !ours.has(name)) await redis.call('function', ['delete', name]);
  }
}

/** Checks that the header of a script declares just these names; for start-up and tests. */
export function checkHeader(
  script: AssembledScript,
  expected: Omit<ScriptHeader, 'includes' | 'entries'>,
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
