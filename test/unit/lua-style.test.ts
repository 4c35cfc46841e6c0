// What every file of lua/ keeps to: its size, its names, its keys.
import { readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { deferralKeys, deferralScriptKeys, stageKeys } from '../../src/redis/deferral-keys.ts';
import { driftKeys } from '../../src/costsim/store.ts';
import { journalKeys } from '../../src/journal/store.ts';
import { type AssembledScript } from '../../src/redis/assemble.ts';
import { bindKeys } from '../../src/redis/script.ts';
import { MIGRATIONS } from '../../src/scheduler/layout.ts';
import { loadScripts } from '../../src/redis/scripts.ts';
import type { Scripts } from '../../src/redis/scripts.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import { EMPTY_REGISTRY, planRegistry } from '../../src/scheduler/plan.ts';
import { keyLists, scriptKeys } from '../../src/scheduler/registry.ts';
import { crc16, keySlot } from '../../src/redis/slot.ts';

const LUA = resolve(import.meta.dirname, '../../lua');

interface LuaFile {
  readonly path: string;
  readonly lines: readonly string[];
}

const FILES: readonly LuaFile[] = readdirSync(LUA, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.lua'))
  .map((path) => {
    const text = readFileSync(resolve(LUA, path), 'utf8');
    return { path, lines: text.trimEnd().split('\n') };
  });

const MAX_RULE_LINES = 80;
const MAX_FUNCTION_LINES = 30;
/** Not rules but what rules look at: one structure each, whose parts share what they remember. */
const VIEWS = [
  ...['accounts', 'choice', 'classes', 'expiry', 'places'].map((name) => `scheduler/${name}.lua`),
  ...['flows', 'waiters'].map((name) => `waiting/${name}.lua`),
  'lib/operations.lua',
  'breaker/health.lua',
];
const MAX_VIEW_LINES = 160;
const MAX_OTHER_LINES = 140;
/** Scripts of their own: a third of them is the header that declares every key. */
const MAX_SCRIPT_LINES = 180;

/** Functions that begin and end in the first column, with their number of lines. */
function functionsOf({ path, lines }: LuaFile): { readonly name: string; readonly size: number }[] {
  const found: { name: string; size: number }[] = [];
  lines.forEach((line, from) => {
    const [, name] = /^(?:local )?function ([\w.]+)\(/.exec(line) ?? [];
    const assigned = /^([\w.]+)(?:\[[\w.]+\])? = function\(/.exec(line)?.[1];
    const known = name ?? assigned;
    if (known === undefined) return;
    const to = lines.findIndex((one, at) => at >= from && /^end\b/.test(one));
    found.push({ name: `${path}: ${known}`, size: to - from + 1 });
  });
  return found;
}

/** `path: what` for every match in the code of a file, comments left out. */
function matches(file: LuaFile, pattern: RegExp): string[] {
  return file.lines
    .map((line) => line.replace(/--.*$/, ''))
    .flatMap((line) => [...line.matchAll(pattern)].map(([found]) => `${file.path}: ${found}`));
}

describe('every file of lua/', () => {
  it('is small: a rule, a view, a library each within its bound', () => {
    const boundOf = (path: string): number => {
      if (VIEWS.includes(path)) return MAX_VIEW_LINES;
      if (!path.includes('/')) return MAX_SCRIPT_LINES;
      return path.startsWith('scheduler/') ? MAX_RULE_LINES : MAX_OTHER_LINES;
    };

    const tooLong = FILES.filter(({ path, lines }) => lines.length > boundOf(path));

    expect(tooLong.map(({ path, lines }) => `${path}: ${lines.length}`)).toEqual([]);
  });

  it('has no function beyond 30 lines', () => {
    const functions = FILES.flatMap(functionsOf);

    const tooLong = functions.filter(({ size }) => size > MAX_FUNCTION_LINES || size < 1);

    expect(functions.length).toBeGreaterThan(60);
    expect(tooLong).toEqual([]);
  });

  it('opens by saying what it owns', () => {
    const silent = FILES.filter(({ lines }) => !/^---? \w/.test(lines[0]!));

    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('names numbers of codes.ts only as they are there', () => {
    const tables = CODES as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    const used = FILES.flatMap((file) => matches(file, /\b[A-Z]{2,}\.[a-z_]+\b/g));

    const unknown = used.filter((use) => {
      const [table = '', name = ''] = use.split(': ')[1]!.split('.');
      return tables[table]?.[name] === undefined;
    });

    expect(used.length).toBeGreaterThan(100);
    expect(unknown).toEqual([]);
  });

  it('reaches keys and arguments by name, never by number', () => {
    expect(FILES.flatMap((file) => matches(file, /\b(KEYS|ARGV)\b.*/g))).toEqual([]);
  });

  it('calls Redis with declared keys only', () => {
    const calls = FILES.flatMap((file) => matches(file, /redis\.call\([^)]*/g));

    const others = calls.filter(
      (call) => !/call\('TIME'|call\('INFO'|call\('SPUBLISH'|call\('?\w+'?, key(_|$|,)/.test(call),
    );

    expect(calls.length).toBeGreaterThan(40);
    expect(others).toEqual([]);
  });

  it('asks Redis for nothing that grows with the number of accounts, but where it configures', () => {
    // Troubled accounts are read when the memory of the scripts begins anew, and never after; lanes
    // for a waiter whose record is broken.
    const few = [
      ...['configure.lua', 'audit.lua', 'tenants/registering.lua'],
      ...['breaker/troubled.lua', 'sessions/lane_owners.lua'],
    ];
    const heart = FILES.filter(({ path }) => !few.includes(path));

    const loops = heart.flatMap((file) =>
      matches(file, /'(KEYS|SCAN|HGETALL|HKEYS|HVALS|SMEMBERS)'/g),
    );

    expect(loops).toEqual([]);
  });

  it('is a part of some script', () => {
    const migrations = MIGRATIONS.map(({ script }) => script());
    const scripts = [...(Object.values(loadScripts()) as AssembledScript[]), ...migrations];
    const origins = scripts.flatMap((script) => script.origins);
    const included = new Set(origins.map((origin) => origin.split(':')[0]));

    expect(FILES.map(({ path }) => path).filter((path) => !included.has(path))).toEqual([]);
  });
});

describe('the keys of every script', () => {
  const accounts: SchedulerAccount[] = ['openai', 'anthropic', '{other}'].map((pool) => {
    const rest = { maxConcurrency: 1, weight: 1, priority: 0, enabled: true };
    return { name: `a-${pool}`, pool, models: ['gpt-4', 'x/y:z', '{tag}'], ...rest };
  });
  const registry = planRegistry(accounts, EMPTY_REGISTRY, {
    fingerprint: 'f',
    isBusy: () => false,
  });

  it.each(Object.keys(loadScripts()) as (keyof Scripts)[])(
    'lie in one slot of a cluster: %s',
    (name) => {
      const script = loadScripts()[name];

      for (const cell of ['main', 'eu-1']) {
        const keys = cellKeys(cell, 'tagged');
        const lists = keyLists(registry, keys);
        const retired = [keys.concurrency({ pool: 'gone', model: 'gone' })];

        const deferral = deferralKeys(cell);
        const ofDeferral = deferralScriptKeys(deferral);
        const all = { ...inSnakeCase(keys), ...scriptKeys(keys), ...ofDeferral };
        const ofDaemon = { costsim_batch: keys.costsimBatch('d1') };
        const ofOne = {
          file: keys.file('f1'),
          batch: keys.batch('b1'),
          batch_lines: keys.batchLines('b1'),
        };
        const ofSession = journalKeys(keys, 'team/s1');
        const own = { ...ofDaemon, ...ofOne, ...ofSession };
        const wholeLists = { ...lists, retired, drift: driftKeys(keys) };
        Object.assign(wholeLists, stageKeys(deferral, ['summarize', '{other}']));
        const bound = bindKeys(script, { ...all, ...own }, wholeLists);

        expect(bound.count).toBeGreaterThanOrEqual(script.header.keys.length);
        expect(bound.count).toBeGreaterThan(0);
        expect(new Set(bound.keys.map(keySlot))).toEqual(new Set([keySlot(cell)]));
      }
    },
  );

  it('of the plain style put nothing but counters elsewhere', () => {
    const keys = cellKeys('main', 'plain');
    const bound = bindKeys(loadScripts().tick, scriptKeys(keys), keyLists(registry, keys));

    const elsewhere = bound.keys.filter((key) => keySlot(key) !== keySlot('main'));

    expect(elsewhere.every((key) => key.startsWith('concurrency:'))).toBe(true);
    expect(keys.concurrency({ pool: 'openai', model: 'gpt-4' })).toBe('concurrency:openai:gpt-4');
  });

  it('of two cells share nothing, in either style', () => {
    for (const style of ['plain', 'tagged'] as const) {
      const all = ['main', 'second'].map((cell) => {
        const keys = cellKeys(cell, style);
        return bindKeys(loadScripts().tick, scriptKeys(keys), keyLists(registry, keys)).keys;
      });

      expect(all[0]!.filter((key) => all[1]!.includes(key))).toEqual([]);
    }
  });
});

describe('the slot of a key', () => {
  it('is that of the specification', () => {
    expect(crc16(Buffer.from('123456789'))).toBe(0x31c3);
    expect([keySlot('foo'), keySlot('{foo}bar'), keySlot('x{foo}')]).toEqual([12182, 12182, 12182]);
    expect(keySlot('a{}b')).not.toBe(keySlot(''));
  });
});

/** Every key that has one name, as scripts call it. */
function inSnakeCase(keys: object): Record<string, string> {
  const named = Object.entries(keys).filter((one): one is [string, string] => {
    return typeof one[1] === 'string';
  });
  return Object.fromEntries(
    named.map(([name, key]) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), key]),
  );
}
