// Assembling Lua files into function libraries, and binding keys by their declared names.
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { assemble, readHeader } from '../../src/redis/assemble.ts';
import type { AssembledScript } from '../../src/redis/assemble.ts';
import { CODES } from '../../src/redis/codes.ts';
import { bindKeys, checkHeader } from '../../src/redis/script.ts';
import { loadScripts } from '../../src/redis/scripts.ts';

const SOURCE = [
  '--- What it guarantees.',
  '--- @entry one',
  '--- @entry two allow-oom no-writes',
  '--- @key cell HASH field -> value',
  '--- @key class[] ZSET member -> score',
  '--- @arg head packed see elsewhere',
  '--- @arg id[] string ids',
  '--- @include lib/a.lua',
  '--- @rules',
  '--- @include lib/b.lua',
  "local x = '--- @key fake HASH'",
].join('\n');

describe('a header', () => {
  it('declares entries, keys, arguments and includes', () => {
    expect(readHeader(SOURCE)).toEqual({
      entries: [
        { name: 'one', flags: [] },
        { name: 'two', flags: ['allow-oom', 'no-writes'] },
      ],
      keys: ['cell'],
      keyLists: ['class'],
      args: ['head'],
      argLists: ['id'],
      includes: ['lib/a.lua', '@rules', 'lib/b.lua'],
    });
  });

  it('of every script agrees with what the daemon gives it', () => {
    expect(() => loadScripts()).not.toThrow();
  });

  it.each([
    ['keys', { keys: ['cell', 'more'] }],
    ['keyLists', { keyLists: [] }],
    ['args', { args: [] }],
    ['argLists', { argLists: ['id', 'name'] }],
  ])('that disagrees in its %s is refused, with both sides named', (part, change) => {
    const { tick } = loadScripts();

    const check = (): void => checkHeader(tick, { ...tick.header, ...change });

    expect(check).toThrow(AppError);
    expect(check).toThrow(new RegExp(`Script tick declares ${part} `));
  });
});

describe('an assembled script', () => {
  const { tick, configure, audit } = loadScripts();

  it('is a library of its own, named by its text', () => {
    const libraries = [tick, configure, audit].map(({ library }) => library);

    expect(libraries.every((name) => /^slotkeeper_\w+_[0-9a-f]{12}$/.test(name))).toBe(true);
    expect(new Set(libraries).size).toBe(3);
    expect(tick.source.startsWith(`#!lua name=${tick.library}\n`)).toBe(true);
    expect(loadScripts().tick.library).toBe(tick.library);
    expect(assemble('tick.lua', { rules: ['scheduler/account_slot.lua'] }).library).not.toBe(
      tick.library,
    );
  });

  it('registers every entry with its flags', () => {
    const registered = tick.source.split('\n').filter((line) => line.includes('register_function'));

    expect(registered.length).toBe(2);
    expect(registered[0]).toContain(`'${tick.library}_tick', flags = {  }`);
    expect(registered[1]).toContain(`'${tick.library}_tick_oom', flags = { 'allow-oom' }`);
  });

  it('has numbers in place of every name of a code', () => {
    for (const { source } of [tick, configure, audit]) {
      const code = source.replaceAll(/--.*$/gm, '');
      expect(code.match(/\b[A-Z]{2,}\.[a-z_]+\b/g) ?? []).toEqual([]);
    }
  });

  it('knows where each of its lines comes from', () => {
    const lines = tick.source.split('\n');

    const at = lines.findIndex((line) => line.includes('function choice.pick('));

    expect(tick.origins.length).toBe(lines.length);
    expect(tick.origins[at]).toMatch(/^scheduler\/choice\.lua:\d+$/);
    expect(tick.origins[0]).toBe('assembly');
  });

  it('asks each rule that has a say, in order', () => {
    const charge = tick.source.split('\n').find((line) => line.startsWith('function rules.charge'));

    expect(charge).toMatch(/account_slot\.charge\(.*model_count\.charge\(/);
    expect(tick.source).not.toContain('model_count.admit');
  });

  it('asks a rule that binds some accounts alone about those only', () => {
    const { rates, health } = CODES.ACCOUNT;

    const [lease, run] = ['leases', 'alike'].map((name) =>
      linesOf(tick, `scheduler/${name}.lua`).find((line) => line.includes('breaker.charge(lease')),
    );

    expect(run?.trim()).toBe(
      `if account[${rates}] then account_rates.charge(lease, account, op) end ` +
        `if account[${health}] then breaker.charge(lease, account, op) end`,
    );
    expect(lease).toContain('account_slot.charge(lease, account, op) model_count.charge(');
    expect(lease).toContain(run?.trim());
  });
});

/** The lines of an assembled script that come from one file. */
function linesOf(script: AssembledScript, file: string): readonly string[] {
  const lines = script.source.split('\n');
  return lines.filter((_, at) => script.origins[at]?.startsWith(`${file}:`));
}

describe('keys', () => {
  const { audit } = loadScripts();
  const keys = Object.fromEntries(audit.header.keys.map((name) => [name, `key of ${name}`]));
  const lists = { class: ['c0', 'c1', 'c2'], concurrency: ['n0'] };

  it('come in the order of the header, lists last, with their lengths', () => {
    const bound = bindKeys(audit, { unused: 'x', ...keys }, lists);

    const single = audit.header.keys.map((name) => `key of ${name}`);
    expect(bound.keys).toEqual([...single, 'c0', 'c1', 'c2', 'n0']);
    expect(bound.count).toBe(single.length + 4);
    expect([...bound.listLengths]).toEqual([3, 0, 1, 0]);
  });

  it('that are missing are named', () => {
    const rest = Object.fromEntries(Object.entries(keys).filter(([name]) => name !== 'cell'));

    expect(() => bindKeys(audit, rest, lists)).toThrow('script audit: key cell is not given');
    expect(() => bindKeys(audit, keys, { class: [] })).toThrow('key concurrency is not given');
  });
});
