// An answer that is kept in memory to its end, up to a bound of bytes: nobody reads it meanwhile, so
// it can be taken back. It decides nothing about what it holds.
import { AppError } from '../core/errors.ts';
import type { Answering } from './sides.ts';

export interface KeptAnswerOptions {
  readonly maxBytes: number;
  /** Told once, when the answer is larger; what came of it is dropped then. */
  readonly onOverflow: () => void;
}

/** In place of a client: it takes everything at once and never leaves. */
export class KeptAnswer implements Answering {
  readonly #options: KeptAnswerOptions;
  #status = 0;
  #headers: readonly string[] = [];
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isWhole = false;

  readonly writableNeedDrain = false;

  constructor(options: KeptAnswerOptions) {
    this.#options = options;
  }

  /** 0 until there is a head. */
  get status(): number {
    return this.#status;
  }

  /** Flat names and values. */
  get headers(): readonly string[] {
    return this.#headers;
  }

  get headersSent(): boolean {
    return this.#status !== 0;
  }

  get writableFinished(): boolean {
    return this.#isWhole;
  }

  body(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  writeHead(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
  }

  write(chunk: Buffer | string): boolean {
    const bytes = Buffer.from(chunk);
    const { maxBytes, onOverflow } = this.#options;
    const isOver = this.#bytes > maxBytes;
    this.#bytes += bytes.length;
    if (this.#bytes <= maxBytes) this.#chunks.push(bytes);
    else if (!isOver) {
      this.#chunks = [];
      onOverflow();
    }
    return true;
  }

  end(): void {
    this.#isWhole = true;
  }

  /** Nobody has seen what came so far: another attempt answers from the beginning. */
  takeBack(): void {
    this.#status = 0;
    this.#headers = [];
    this.#chunks = [];
    this.#bytes = 0;
    this.#isWhole = false;
  }

  destroy(): void {
    this.takeBack();
  }

  /** It never closes before its end, and never needs to drain. */
  once(): void {
    return undefined;
  }

  /** Only a reader can be slow. */
  setTimeout(): void {
    return undefined;
  }
}

export function answerTooLarge(maxBytes: number): AppError {
  const message = `The answer exceeds ${maxBytes} bytes, so it cannot be kept to its end.`;
  return new AppError('answer_too_large', message);
}
