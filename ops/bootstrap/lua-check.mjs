// The Lua check: every script assembles, compiles in a real Redis, and keeps the house's limits.
// It needs a build. What scripts do is tested in test/lua.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, say } from './setup.mjs';

const LONGEST_RULE = 80;
const LONGEST_FILE = 200;
const LONGEST_FUNCTION = 30;
/** Commands whose cost grows with the number of keys or members, and names by position. */
const FORBIDDEN = /\b(KEYS|ARGV)\[|redis\.call\('(KEYS|SCAN|HSCAN|SSCAN|ZSCAN|FLUSHALL|FLUSHDB)'/i;

/** Resolves with 0 when all is well, else prints the faults and resolves with 1. */
export async function checkLua() {
  const names = readdirSync(join(ROOT, 'lua'), { recursive: true });
  const files = names.filter((name) => name.endsWith('.lua')).sort();
  const texts = new Map(files.map((file) => [file, readFileSync(join(ROOT, 'lua', file), 'utf8')]));
  const included = [...texts.values()].join('\n');
  const faults = [...texts].flatMap(([file, text]) => {
    // What no script includes by name is put in at `@rules`: it is a rule.
    const isRule = file.includes('/') && !included.includes(`--- @include ${file}\n`);
    return faultsOf(file, text.trimEnd().split('\n'), isRule ? LONGEST_RULE : LONGEST_FILE);
  });
  faults.push(...(await compileFaults()));
  for (const fault of faults) say(fault);
  return faults.length === 0 ? 0 : 1;
}

function faultsOf(file, lines, longest) {
  const faults = [];
  if (!lines[0].startsWith('--')) faults.push(`lua/${file}:1: opens with what it owns and refuses`);
  if (lines.length > longest) {
    faults.push(`lua/${file}: ${lines.length} lines, at most ${longest}`);
  }
  lines.forEach((line, index) => {
    if (FORBIDDEN.test(line.replace(/--.*$/, ''))) faults.push(`lua/${file}:${index + 1}: ${line}`);
  });
  return [...faults, ...longFunctions(file, lines)];
}

/** A function ends at the first `end` of its own indentation. */
function longFunctions(file, lines) {
  return lines.flatMap((line, start) => {
    const opening = /^(\s*)(?:local\s+)?function\b/.exec(line);
    if (opening === null || /\bend\s*$/.test(line)) return [];
    const length = lines.slice(start).findIndex((l) => l.startsWith(`${opening[1]}end`)) + 1;
    return length > LONGEST_FUNCTION
      ? [`lua/${file}:${start + 1}: a function of ${length} lines, at most ${LONGEST_FUNCTION}`]
      : [];
  });
}

async function compileFaults() {
  const { startEmbeddedRedis } = await import('../../dist/redis/embedded.js');
  const { connectRedis } = await import('../../dist/redis/connection.js');
  const { loadScripts } = await import('../../dist/redis/scripts.js');
  const dataDir = mkdtempSync(join(tmpdir(), 'slotkeeper-lua-'));
  const server = await startEmbeddedRedis({ dataDir, persistence: 'none', onProgress: say });
  const redis = await connectRedis(server.url, { timeoutMs: 10_000, name: 'lua-check' });
  try {
    const results = Object.values(loadScripts()).map(async ({ name, source, origins }) => {
      const fault = await redis.call('FUNCTION', 'LOAD', 'REPLACE', source).then(
        () => undefined,
        (error) => error.message,
      );
      // Redis names a line of the assembled text; its author knows the file's.
      const place = (whole, line) => `lua/${origins[Number(line) - 1] ?? whole}`;
      return fault && `${name}: ${fault.replace(/user_function:(\d+)/g, place)}`;
    });
    return (await Promise.all(results)).filter((fault) => fault !== undefined);
  } catch (error) {
    return [error.message];
  } finally {
    redis.disconnect();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
