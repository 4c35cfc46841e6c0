// docs/evidence.md: every line of it names code and tests that are really there.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** A line of the list: requirement → code → tests. */
interface Claim {
  readonly requirement: string;
  readonly code: readonly string[];
  /** File and the tests of it. */
  readonly tests: readonly (readonly [string, readonly string[]])[];
  /** What of the tests' part could not be read. */
  readonly unread: string;
}

const TESTS_OF_FILE = /`([^`]+)`: ((?:"[^"]*"(?:, )?)+)(?:; )?/g;

function claimsOf(text: string): Claim[] {
  const lines = text.split('\n').filter((line) => line.startsWith('- '));
  return lines.map((line) => {
    const [requirement = '', code = '', test = ''] = line.slice(2).split(' → ');
    const tests = [...test.matchAll(TESTS_OF_FILE)].map(
      ([, file = '', names = '']) =>
        [file, [...names.matchAll(/"([^"]*)"/g)].map(([, name = '']) => name)] as const,
    );
    const paths = [...code.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
    const unread = test.replaceAll(TESTS_OF_FILE, '');
    return { requirement, code: paths, tests, unread };
  });
}

/** What a claim says that is not so. */
function faultsOf({ requirement, code, tests, unread }: Claim, read = readOurs): string[] {
  const faults = [];
  if (code.length === 0) faults.push(`${requirement}: no code`);
  if (tests.length === 0) faults.push(`${requirement}: no test`);
  else if (unread !== '') faults.push(`${requirement}: cannot read ${unread}`);
  for (const path of code) if (read(path) === undefined) faults.push(`no file ${path}`);
  for (const [path, names] of tests) {
    const text = read(path);
    if (text === undefined) faults.push(`no file ${path}`);
    else faults.push(...names.filter((n) => !hasTest(text, n)).map((n) => `${path}: no "${n}"`));
  }
  return faults;
}

/** Whether a title of `it`, of any kind of quotes, is just this. */
function hasTest(text: string, name: string): boolean {
  const titles = [...text.matchAll(/\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,/g)];
  return titles.some(([, , title]) => title?.replaceAll(/\\(.)/g, '$1') === name);
}

function readOurs(path: string): string | undefined {
  const file = resolve(ROOT, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

describe('docs/evidence.md', () => {
  const claims = claimsOf(readOurs('docs/evidence.md') ?? '');

  it('names only files and tests that are there', () => {
    const faults = claims.flatMap((claim) => faultsOf(claim));

    expect(faults).toEqual([]);
  });

  it('reads as lines of requirement, code and test', () => {
    expect(claims.length).toBeGreaterThan(50);
    expect(new Set(claims.map(({ requirement }) => requirement)).size).toBe(claims.length);
  });
});

describe('the check itself', () => {
  const files: Readonly<Record<string, string>> = {
    'src/a.ts': '',
    'test/a.test.ts': "it('is so', () => {}); it.each([1])('has \\'%s\\'', () => {});",
  };
  const faults = (line: string): string[] =>
    claimsOf(line).flatMap((claim) => faultsOf(claim, (path) => files[path]));

  it('accepts what is there', () => {
    const line = '- r → `src/a.ts` → `test/a.test.ts`: "is so", "has \'%s\'"';

    expect(faults(line)).toEqual([]);
  });

  it.each([
    ['a file that is gone', '- r → `src/b.ts` → `test/a.test.ts`: "is so"', 'no file src/b.ts'],
    ['a test file that is gone', '- r → `src/a.ts` → `b.test.ts`: "x"', 'no file b.test.ts'],
    ['a part of a title', '- r → `src/a.ts` → `test/a.test.ts`: "is"', 'test/a.test.ts: no "is"'],
    ['a line without a test', '- r → `src/a.ts` → soon', 'r: no test'],
    [
      'a test that is not quoted',
      '- r → `src/a.ts` → `test/a.test.ts`: "is so"; `test/a.test.ts` too',
      'r: cannot read `test/a.test.ts` too',
    ],
    ['a line without code', '- r → soon → `test/a.test.ts`: "is so"', 'r: no code'],
  ])('names %s', (_what, line, fault) => {
    expect(faults(line)).toEqual([fault]);
  });
});
