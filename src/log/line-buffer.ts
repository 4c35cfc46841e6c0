// Collects log lines for a moment and writes them together: a system call a line would cost a busy
// daemon half of its time. What must not wait (a warning, the end of the process) flushes.
import { Writable } from 'node:stream';

const MAX_BYTES = 16_384;
const MAX_WAIT_MS = 50;

export class LineBuffer extends Writable {
  readonly #stream: Writable;
  #lines: string[] = [];
  #length = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Writable) {
    super({ decodeStrings: false });
    this.#stream = stream;
  }

  override _write(line: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    const text = line.toString();
    this.#lines.push(text);
    this.#length += text.length;
    if (this.#length >= MAX_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), MAX_WAIT_MS).unref();
    done();
  }

  /** Writes all that has been collected. Writes to a file or a pipe are done when it returns. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#length = 0;
    this.#stream.write(text);
  }
}
