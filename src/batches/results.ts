// Writes the files of a batch whose lines have all ended: good answers into one, all else into the
// other, in the order of the input. Whoever does it, again or at once, writes the same bytes.
import type { Batch } from './batch.ts';
import type { BatchStore } from './batch-store.ts';
import type { FileWriter } from './file-writer.ts';
import type { Files } from './files.ts';
import { linesOf, type Line } from './lines.ts';
import { encodeEnd, hasSucceeded, outputLine } from './outcome.ts';
import { customIdOf } from './validate.ts';

export interface ResultParts {
  readonly files: Files;
  readonly store: Pick<BatchStore, 'lines'>;
}

/** Ids of the files; empty where there is nothing to say in one. */
export interface Results {
  readonly output: string;
  readonly error: string;
}

const AT_ONCE = 500;
/** A line that has no outcome though all are counted: its record was lost. */
const LOST = encodeEnd({ kind: 'failed', code: 'internal', message: 'The outcome was lost.' });

export async function writeResults(batch: Batch, parts: ResultParts): Promise<Results> {
  const output = new Side(batch, 'output', parts.files);
  const error = new Side(batch, 'error', parts.files);
  const input = await parts.files.find(batch.tenant, batch.inputFile);
  if (input === undefined) throw new Error('the input of a batch is gone');
  let group: Line[] = [];
  let place = 0;
  const flush = async (): Promise<void> => {
    const places = group.map((_, i) => place + i);
    const stored = await parts.store.lines(batch.id, places);
    for (const [i, line] of group.entries()) {
      const outcome = stored[i] ?? LOST;
      const id = `${batch.id.replace('batch_', 'batch_req_')}_${place + i}`;
      const side = hasSucceeded(outcome) ? output : error;
      await side.write(outputLine({ id, customId: customIdOf(line) }, outcome));
    }
    place += group.length;
    group = [];
  };
  for await (const line of linesOf(parts.files.read(input))) {
    group.push(line);
    if (group.length === AT_ONCE) await flush();
  }
  await flush();
  return { output: await output.close(), error: await error.close() };
}

/** One of the two files; there is none until it has a line. */
class Side {
  readonly #batch: Batch;
  readonly #kind: 'output' | 'error';
  readonly #files: Files;
  readonly #id: string;
  #writer: FileWriter | undefined;

  constructor(batch: Batch, kind: 'output' | 'error', files: Files) {
    this.#batch = batch;
    this.#kind = kind;
    this.#files = files;
    this.#id = `${batch.id.replace('batch_', 'file-')}-${kind}`;
  }

  async write(line: string): Promise<void> {
    this.#writer ??= await this.#files.write(this.#id, this.#batch.tenant);
    await this.#writer.write(Buffer.from(`${line}\n`));
  }

  async close(): Promise<string> {
    if (this.#writer === undefined) return '';
    const { id, keepMs } = this.#batch;
    const name = `${id}_${this.#kind}.jsonl`;
    await this.#writer.close({ name, purpose: 'batch_output', keepMs });
    return this.#id;
  }
}
