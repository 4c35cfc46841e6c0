// One request and its answer on one socket, as the upstream sees them. It owns the moment at which
// the request ends: always before the bytes (or the reset) that tell the client so, because from
// then on the client may rightly start its next request. What to say is decided elsewhere.
//
// States: open → answered (we ended it) or open → gone (the client's socket closed). Both final.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Visit } from './ledger.ts';

const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Resolves when every socket event of this turn of the event loop and of the next one has been
 * handled. Two, because a socket whose peer sent a request and then closed yields its bytes in one
 * turn and its end in the following one.
 */
export function afterNextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

export class Exchange {
  readonly req: IncomingMessage;
  readonly #res: ServerResponse;
  #visit: Visit | undefined;
  #gone = false;
  #wake: (() => void) | undefined;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.req = req;
    this.#res = res;
    // A write that loses the race against the client's leaving must not be an unhandled error.
    res.on('error', () => this.vanish());
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** The ledger's count that ends with this exchange. */
  carry(visit: Visit): void {
    this.#visit = visit;
  }

  /** The client's socket closed. Called by the server alone, possibly more than once. */
  vanish(): void {
    this.#gone = true;
    this.#visit?.end('aborted');
    this.#wake?.();
    this.#res.destroy();
  }

  /** The whole body; undefined when the client left or sent too much. */
  readBody(): Promise<Buffer | undefined> {
    const { req } = this;
    const chunks: Buffer[] = [];
    let bytes = 0;
    return new Promise((resolve) => {
      req.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      });
      req.on('end', () => resolve(bytes > MAX_BODY_BYTES ? undefined : joined(chunks)));
      req.on('error', () => resolve(undefined));
      req.on('close', () => resolve(undefined));
    });
  }

  /** Waits; returns early when the client leaves. */
  sleep(ms: number): Promise<void> {
    if (ms <= 0) return afterNextTurn();
    return this.#until((wake) => {
      const timer = setTimeout(wake, ms);
      return () => clearTimeout(timer);
    });
  }

  /** Resolves when the client has left. */
  departure(): Promise<void> {
    return this.#until(() => () => undefined);
  }

  head(status: number, headers: OutgoingHttpHeaders): void {
    if (!this.#gone) this.#res.writeHead(status, headers);
  }

  /** Sends a part of the body; resolves when the client has room for more. */
  async write(part: string | Buffer): Promise<void> {
    if (this.#gone || this.#res.write(part)) return;
    await this.#until((wake) => {
      this.#res.once('drain', wake);
      return () => this.#res.off('drain', wake);
    });
  }

  /** Sends the last part. */
  end(part?: string | Buffer): void {
    this.#visit?.end('answered');
    if (!this.#gone) this.#res.end(part);
  }

  /** Sends what was written and closes without a proper end. */
  cut(): void {
    this.#visit?.end('answered');
    this.req.socket.destroySoon();
  }

  /** Resets the connection; nothing that waits to be sent arrives. */
  reset(): void {
    this.#visit?.end('answered');
    this.req.socket.resetAndDestroy();
  }

  async #until(start: (wake: () => void) => () => void): Promise<void> {
    if (this.#gone) return;
    await new Promise<void>((resolve) => {
      const stop = start(() => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        stop();
        resolve();
      };
    });
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}
