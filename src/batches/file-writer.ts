// Writes one file from bytes as they come: in chunks of one size, within its bound. Open, then closed
// or dropped; neither is ever left. It knows no lines and no store.
import { AppError } from '../core/errors.ts';
import type { FilePurpose, StoredFile } from './file.ts';

export interface FileWriterOptions {
  readonly maxBytes: number;
  readonly write: (number: number, chunk: Buffer) => Promise<void>;
  readonly close: (end: FileEnd & { readonly bytes: number }) => Promise<StoredFile>;
  readonly drop: () => Promise<unknown>;
}

export interface FileEnd {
  readonly name: string;
  readonly purpose: FilePurpose;
  /** How long it is kept; never longer than the configuration says. */
  readonly keepMs?: number | undefined;
}

/** Large enough for few calls, small enough that none keeps the store from others. */
const CHUNK_BYTES = 64 * 1024;

export class FileWriter {
  readonly #options: FileWriterOptions;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #chunks = 0;
  #bytes = 0;

  constructor(options: FileWriterOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** To be awaited before the next one. Rejects with `payload_too_large` or `files_full`. */
  async write(piece: Buffer): Promise<void> {
    const { maxBytes } = this.#options;
    this.#bytes += piece.length;
    if (this.#bytes > maxBytes) {
      throw new AppError('payload_too_large', `The file exceeds ${maxBytes} bytes.`);
    }
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (this.#waitingBytes >= CHUNK_BYTES) await this.#flush(CHUNK_BYTES);
  }

  /** The file is whole, and never changes any more. */
  async close(end: FileEnd): Promise<StoredFile> {
    await this.#flush(1);
    return await this.#options.close({ ...end, bytes: this.#bytes });
  }

  /** Never rejects: what it cannot drop goes by its time. */
  async drop(): Promise<void> {
    await this.#options.drop().catch(() => undefined);
  }

  /** Writes all chunks of at least `least` bytes. */
  async #flush(least: number): Promise<void> {
    let all = Buffer.concat(this.#waiting);
    while (all.length >= least && all.length > 0) {
      await this.#options.write(this.#chunks, all.subarray(0, CHUNK_BYTES));
      this.#chunks += 1;
      all = all.subarray(CHUNK_BYTES);
    }
    this.#waiting = [all];
    this.#waitingBytes = all.length;
  }
}
