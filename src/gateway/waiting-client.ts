// A client whose request waits for a slot: what it sees meanwhile, and that its leaving ends the wait. It
// asks for no slot.
import type { AppError } from '../core/errors.ts';
import type { Exchange, Worker } from './exchange.ts';

/**
 * A client that is waiting. One that wants a stream, and is to be kept, gets the head of its answer
 * and comments in it: from then on errors are events of the stream.
 */
export class WaitingClient implements Worker {
  readonly #exchange: Exchange;
  readonly #leave = new AbortController();
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(exchange: Exchange, keepAliveMs: number) {
    this.#exchange = exchange;
    if (keepAliveMs > 0 && exchange.wantsStream) {
      this.#keepAlive = setInterval(this.#comment, keepAliveMs).unref();
    }
  }

  get signal(): AbortSignal {
    return this.#leave.signal;
  }

  broken(error: AppError): void {
    this.#leave.abort(error);
  }

  over(): void {
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }

  readonly #comment = (): void => {
    const { res, requestId } = this.#exchange;
    if (!res.headersSent) {
      const head = ['x-request-id', requestId, 'cache-control', 'no-cache'];
      res.writeHead(200, ['content-type', 'text/event-stream; charset=utf-8', ...head]);
      this.#exchange.stream = true;
    }
    res.write(': waiting for a slot\n\n');
  };
}
