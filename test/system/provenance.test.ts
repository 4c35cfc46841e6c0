// @module-tag redis_required
// `slotkeeper provenance` as an operator types it: what it prints, how it ends, and what a signal does.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startBuilt, startProcess } from '../support/process.ts';
import { aFile, aLine, hashOf, lines } from '../support/backfill.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const recent = { time: new Date().toISOString() };

function aCell() {
  const at = ['--redis', store.url, '--cell', store.cell()];
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    startBuilt('cli/main.js', ['provenance', ...args, ...at], { env });
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const command = start(args, env);
    const { code } = await command.ended;
    return { code, stdout: command.stdout(), stderr: command.stderr() };
  };
  return { at, start, run };
}

describe('slotkeeper provenance', () => {
  it('brings a directory in, verifies it, counts it and writes it out', async () => {
    const { run } = aCell();
    const dir = dirname(await aFile(lines(30, recent), 'b.jsonl'));
    await writeFile(join(dir, 'a.json'), `[${aLine('first', recent)},\n${aLine(1, recent)}]`);

    const dry = await run(['backfill', '--dir', dir, '--dry-run']);
    const nothing = await run(['stats']);
    const stored = await run(['backfill', '--dir', dir]);
    const again = await run(['backfill', '--dir', dir]);
    const verified = await run(['verify', '--dir', dir]);
    const stats = await run(['stats', '--json']);
    const written = await run(['export', '--limit', '1']);

    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('To store: 31.') as string,
    });
    expect(dry.stdout).toContain('Dry run: nothing is stored.');
    expect(nothing.stdout).toContain('0 records');
    expect(stored).toMatchObject({ code: 0 });
    expect(stored.stdout).toContain('Stored 31 records.');
    expect(again.stdout).toContain('31 are stored already.');
    expect(verified.code).toBe(0);
    expect(verified.stdout).toMatch(/identical +31\n/);
    expect(JSON.parse(stats.stdout)).toMatchObject({ records: 31, sources: { baseline: 31 } });
    expect(JSON.parse(written.stdout)).toMatchObject({ input_hash: hashOf('first') });
  });

  it('names bad lines by file and number, stores the others, and exits with 1', async () => {
    const { run } = aCell();
    const file = await aFile([aLine(1, recent), '{', aLine(2, { ...recent, v1: {} })]);

    const { code, stdout, stderr } = await run(['backfill', '--file', file]);

    expect(code).toBe(1);
    expect(stderr).toContain(`${file}:2: is not JSON`);
    expect(stderr).toContain(`${file}:3: v1.input_tokens: `);
    expect(stdout).toContain('Stored 1 records.');
  });

  it('says up front what retention would trim, by the configuration here', async () => {
    const { run } = aCell();
    const file = await aFile([...lines(3, { time: 1 }), ...lines(150, recent, 3)]);
    const env = { SLOTKEEPER_PROVENANCE_MAX_RECORDS: '100' };

    const { code, stdout } = await run(['backfill', '--file', file], env);
    const verified = await run(['verify', '--file', file], env);

    expect(code).toBe(0);
    expect(stdout).toContain('Retention would trim 3: they are older than 7 d');
    expect(stdout).toContain('Retention would trim 50: 100 records are kept');
    expect(stdout).toContain('Stored 100 records.');
    expect(verified.code).toBe(0);
    expect(verified.stdout).toMatch(/trimmed: older than retention +3\n/);
    expect(verified.stdout).toMatch(/trimmed: beyond the most that are kept +50\n/);
  });

  it('exits with 1 where verify finds something different or missing', async () => {
    const { run } = aCell();
    await run(['backfill', '--file', await aFile([aLine(1, recent)])]);
    const file = await aFile([aLine(1, { ...recent, tenant: 'other' }), aLine(2, recent)]);

    const text = await run(['verify', '--file', file]);
    const json = await run(['verify', '--file', file, '--json']);

    expect([text.code, json.code]).toEqual([1, 1]);
    expect(text.stdout).toContain(`different: ${file}:1 ${hashOf(1)} tenant`);
    expect(text.stdout).toContain(`missing: ${file}:2 ${hashOf(2)}`);
    expect(JSON.parse(json.stdout)).toMatchObject({ different: 1, missing: 1, identical: 0 });
  });

  it('ends at a signal between two batches, says where, and goes on when it runs again', async () => {
    const { run, start } = aCell();
    const file = await aFile(lines(40_000, recent));
    const first = start(['backfill', '--file', file]);

    await first.waitFor(/To store: 40,000/);
    first.kill('SIGINT');
    const { code } = await first.ended;
    const again = await run(['backfill', '--file', file]);
    const verified = await run(['verify', '--file', file]);

    const [, , stored = ''] = /at (.*); ([\d,]+) records are stored/.exec(first.stdout()) ?? [];
    const count = Number(stored.replaceAll(',', ''));
    expect(code).toBe(130);
    expect(count % 250).toBe(0);
    expect(count).toBeLessThan(40_000);
    expect(again.stdout).toContain(`Stored ${(40_000 - count).toLocaleString('en-US')} records.`);
    expect(verified.stdout).toMatch(/identical +40000\n/);
  });

  it('ends well when whoever reads an export has read enough', async () => {
    const { at, run } = aCell();
    await run(['backfill', '--file', await aFile(lines(5000, recent))]);
    const command = `set -o pipefail; node dist/cli/main.js provenance export "$@" | head -1`;

    const piped = startProcess('bash', ['-c', command, 'bash', ...at]);
    const { code } = await piped.ended;

    expect(code).toBe(0);
    expect(JSON.parse(piped.stdout())).toMatchObject({ source: 'baseline' });
  });

  it.each([
    ['no source', ['backfill'], 'either a file by --file or a directory by --dir'],
    ['a file that is not there', ['verify', '--file', '/nowhere.jsonl'], '(ENOENT)'],
    ['a time that is none', ['export', '--since', 'noon'], 'It is no time'],
  ])('exits with 2 for %s', async (_what, args, message) => {
    const { code, stderr } = await aCell().run(args);

    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
