// Watches a stream of events go by without parsing it: where lines end, and whether it has said
// that it is done. It keeps no bytes.

/** Whole images travel in one line; a line that never ends would hold its slot for ever. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** After its end an upstream may still say a little (comments, blank lines). */
const MAX_TRAILING_BYTES = 64 * 1024;

const DONE = Buffer.from('data: [DONE]');
const DONE_LINE = Buffer.from('\ndata: [DONE]');
const LINE_FEED = 0x0a;

export type SseFault = 'endless_line' | 'endless_end';

export class SseWatch {
  #lineBytes = 0;
  #trailingBytes = 0;
  #done = false;

  /** Whether `data: [DONE]` has gone by. */
  get done(): boolean {
    return this.#done;
  }

  /** Looks at the next bytes; a fault means that they and all that follows are to be cut. */
  see(chunk: Buffer): SseFault | undefined {
    if (this.#done) this.#trailingBytes += chunk.length;
    else this.#lookForDone(chunk);
    if (this.#trailingBytes > MAX_TRAILING_BYTES) return 'endless_end';
    const lastEnd = chunk.lastIndexOf(LINE_FEED);
    this.#lineBytes = lastEnd < 0 ? this.#lineBytes + chunk.length : chunk.length - lastEnd - 1;
    return this.#lineBytes > MAX_LINE_BYTES ? 'endless_line' : undefined;
  }

  /** JSON escapes line feeds, so these words at the start of a line are never part of an answer. */
  #lookForDone(chunk: Buffer): void {
    const startsLine = this.#lineBytes === 0 && chunk.subarray(0, DONE.length).equals(DONE);
    const at = startsLine ? 0 : chunk.indexOf(DONE_LINE);
    if (at < 0) return;
    this.#done = true;
    this.#trailingBytes = chunk.length - at - DONE_LINE.length;
  }
}
