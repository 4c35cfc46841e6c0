// The files that hold records: which they are, in their order, and what is in them, piece by piece, with
// the place of each. It reads as a stream; what the pieces say is not judged here.
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError } from '../../core/errors.ts';
import { LineSplitter, MOST_BYTES, ValueSplitter, type Piece, type Splitter } from './splitters.ts';

export interface SourceOptions {
  readonly file?: string;
  readonly dir?: string;
}

export interface Source {
  readonly files: readonly string[];
  /** On disk. */
  readonly bytes: number;
}

export interface PlacedPiece extends Piece {
  readonly file: string;
}

/** How far reading has come, in bytes on disk. */
export interface Reading {
  bytes: number;
}

const NAMES = /\.(jsonl|ndjson|json)(\.gz)?$/i;
const ONE_DOCUMENT = /\.json(\.gz)?$/i;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Rejects where there is no such file, or none in the directory. */
export async function findSource({ file, dir }: SourceOptions): Promise<Source> {
  if ((file === undefined) === (dir === undefined)) {
    throw new AppError('config_invalid', 'Name either a file by --file or a directory by --dir.');
  }
  const files = dir === undefined ? [file as string] : await filesOf(dir);
  const facts = await Promise.all(
    files.map((path) => stat(path).catch((e: unknown) => unreadable(path, e))),
  );
  facts.forEach((fact, i) => {
    if (!fact.isFile()) throw new AppError('config_invalid', `${files[i] ?? ''} is no file.`);
  });
  return { files, bytes: facts.reduce((sum, { size }) => sum + size, 0) };
}

async function filesOf(dir: string): Promise<readonly string[]> {
  const found = await readdir(dir, { withFileTypes: true }).catch((e: unknown) =>
    unreadable(dir, e),
  );
  const names = found.filter((one) => !one.isDirectory() && NAMES.test(one.name));
  if (names.length === 0) {
    throw new AppError('config_invalid', `${dir} holds no .jsonl, .ndjson or .json file.`);
  }
  return names.map(({ name }) => join(dir, name)).sort();
}

function unreadable(path: string, error: unknown): never {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  throw new AppError('config_invalid', `${path} cannot be read (${code}).`);
}

/** All of it, in the order of the files; what cannot be read is a piece with a fault. */
export async function* readSource(
  { files }: Source,
  reading: Reading,
): AsyncGenerator<readonly PlacedPiece[]> {
  for (const file of files) {
    for await (const pieces of readFile(file, reading)) {
      if (pieces.length > 0) yield pieces.map((piece) => ({ file, ...piece }));
    }
  }
}

async function* readFile(file: string, reading: Reading): AsyncGenerator<readonly Piece[]> {
  const before = reading.bytes;
  const raw = createReadStream(file);
  let splitter: Splitter | undefined;
  let head: Buffer = Buffer.alloc(0);
  try {
    for await (const bytes of contentOf(file, raw)) {
      reading.bytes = before + raw.bytesRead;
      if (splitter === undefined) {
        head = Buffer.concat([head, bytes]);
        splitter = splitterFor(file, head, false);
        if (splitter !== undefined) yield splitter.push(withoutMark(head));
      } else yield splitter.push(bytes);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    yield [{ line: 0, text: '', fault: `the rest cannot be read (${code})` }];
  }
  if (splitter === undefined) {
    splitter = splitterFor(file, head, true) ?? new LineSplitter();
    yield splitter.push(withoutMark(head));
  }
  yield splitter.end();
}

function contentOf(file: string, raw: Readable): AsyncIterable<Buffer> {
  if (!/\.gz$/i.test(file)) return raw;
  // What fails is told by the stream that is read from.
  return pipeline(raw, createGunzip(), () => undefined);
}

/** By how the file begins; undefined where that does not tell yet. */
function splitterFor(file: string, head: Buffer, isAll: boolean): Splitter | undefined {
  const text = withoutMark(head).toString().trimStart();
  if (text.startsWith('[')) return new ValueSplitter(true);
  if (!ONE_DOCUMENT.test(file) && text !== '') return new LineSplitter();
  const end = text.indexOf('\n');
  if (end < 0 && !isAll && head.length < MOST_BYTES) return undefined;
  return isJson(end < 0 ? text : text.slice(0, end))
    ? new LineSplitter()
    : new ValueSplitter(false);
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
