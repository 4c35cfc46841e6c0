// How files of provenance are cut into pieces: forms, ends of lines, what is broken, what is too long.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Fingerprints } from '../../../src/cli/provenance/fingerprints.ts';
import { findSource, readSource } from '../../../src/cli/provenance/source.ts';
import { LineSplitter, MOST_BYTES, ValueSplitter } from '../../../src/cli/provenance/splitters.ts';
import { aFile, hashOf } from '../../support/backfill.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

async function piecesOf(content: string | Buffer, name: string) {
  const file = await aFile(Buffer.from(content), name);
  const pieces: string[] = [];
  for await (const some of readSource(await findSource({ file }), { bytes: 0 })) {
    pieces.push(...some.map(({ line, text, fault }) => `${line} ${fault ?? text}`));
  }
  return pieces;
}

describe('a file', () => {
  it.each([
    ['lines', 'a.jsonl', '{"a":1}\n\n{"b":2}\r\n{bad', ['1 {"a":1}', '3 {"b":2}', '4 {bad']],
    ['lines behind a mark', 'a.jsonl', '\ufeff{"a":1}\n', ['1 {"a":1}']],
    ['lines, although it is called .json', 'a.json', '{"a":1}\n{bad\n', ['1 {"a":1}', '2 {bad']],
    ['an array', 'a.json', '[\n {"a":"]},{"},\n {"b":[{}]}\n]', ['2 {"a":"]},{"}', '3 {"b":[{}]}']],
    ['an array in one line', 'a.jsonl', '[{"a":"\\""},2,{}]', ['1 {"a":"\\""}', '1 2', '1 {}']],
    ['an array without end', 'a.json', '[{"a":1},', ['1 {"a":1}', '1 the array has no end']],
    ['an element without end', 'a.json', '[{"a":1},\n{"b"', ['1 {"a":1}', '2 {"b"']],
    ['one object over lines', 'a.json', '{\n "a": 1\n}\n', ['1 {\n "a": 1\n}']],
    ['nothing', 'a.json', '', []],
    ['nothing in an array', 'a.json', ' [] ', []],
  ])('may hold %s', async (_what, name, content, expected) => {
    expect(await piecesOf(content, name)).toEqual(expected);
  });

  it('may be packed by gzip; what cannot be unpacked is told', async () => {
    const packed = gzipSync('{"a":1}\n{"b":2}\n');

    const whole = await piecesOf(packed, 'a.jsonl.gz');
    const cut = await piecesOf(packed.subarray(0, packed.length - 9), 'a.jsonl.gz');

    expect(whole).toEqual(['1 {"a":1}', '2 {"b":2}']);
    expect(cut.at(-1)).toBe('0 the rest cannot be read (Z_BUF_ERROR)');
  });

  it('that is not there is refused, and so is a directory without any', async () => {
    const dir = await temporaryDirectory();

    await expect(findSource({ file: join(dir, 'x.jsonl') })).rejects.toThrow('(ENOENT)');
    await expect(findSource({ file: dir })).rejects.toThrow('is no file');
    await expect(findSource({ dir })).rejects.toThrow('holds no .jsonl');
    await expect(findSource({})).rejects.toThrow('either a file by --file or a directory by --dir');
  });
});

describe('a directory', () => {
  it('gives its files by name, and nothing else', async () => {
    const dir = await temporaryDirectory();
    for (const name of ['b.jsonl', 'a.json.gz', 'c.txt', 'a.ndjson']) {
      await writeFile(join(dir, name), '');
    }
    await mkdir(join(dir, 'd.json'));

    const { files } = await findSource({ dir });

    expect(files).toEqual(['a.json.gz', 'a.ndjson', 'b.jsonl'].map((name) => join(dir, name)));
  });
});

describe('pieces', () => {
  it.each([
    ['lines', () => new LineSplitter(), '{"ä":1}\n{"b":"\\\\"}\n'],
    ['elements', () => new ValueSplitter(true), '[{"ä":"\\"]"},{"b":[1,{}]}]'],
  ])('are the same however the bytes come: %s', (_what, make, content) => {
    const bytes = Buffer.from(content);
    const texts = (step: number): readonly string[] => {
      const splitter = make();
      const found = [];
      for (let at = 0; at < bytes.length; at += step) {
        found.push(...splitter.push(bytes.subarray(at, at + step)));
      }
      return [...found, ...splitter.end()].map(({ text }) => text);
    };

    const whole = texts(bytes.length);

    expect(whole).toHaveLength(2);
    for (const step of [1, 2, 3, 7]) expect(texts(step)).toEqual(whole);
  });

  it('that are too long are told, and not kept', () => {
    const long = Buffer.alloc(MOST_BYTES, 'x');
    const byLine = new LineSplitter();
    const byValue = new ValueSplitter(true);

    const found = [...byLine.push(long), ...byLine.push(Buffer.from('xx\n{}\n'))];
    const lost = [...byValue.push(Buffer.from('[{"')), ...byValue.push(long), ...byValue.end()];

    const told = (pieces: typeof found): readonly string[] =>
      pieces.map(({ line, text, fault }) => `${line} ${fault ?? text}`);
    expect(told(found)).toEqual([`1 is longer than ${MOST_BYTES} bytes`, '2 {}']);
    expect(told(lost)).toEqual([`1 is longer than ${MOST_BYTES} bytes; the rest is not read`]);
  });
});

describe('fingerprints', () => {
  it('know each hash again, also after they have grown', () => {
    const seen = new Fingerprints();
    const hashes = Array.from({ length: 20_000 }, (_, i) => hashOf(i));

    const first = hashes.filter((hash) => seen.add(hash)).length;
    const again = hashes.filter((hash) => seen.add(hash)).length;

    expect([first, again]).toEqual([20_000, 0]);
  });
});
