// One upstream try: sends the request to the account of a lease and lets the answer through, byte
// for byte, with back-pressure. It ends exactly once; it takes no slot and gives none back.
import type { IncomingHttpHeaders } from 'node:http';
import type { AccountConfig, TargetConfig } from '../config/schema.ts';
import type { Outcome } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import type { AnswerListener, UpstreamCall } from '../upstream/call.ts';
import type { UpstreamClient } from '../upstream/client.ts';
import { passHeaders, upstreamHeaders } from '../upstream/headers.ts';
import { outcomeOfError, outcomeOfStatus } from '../upstream/outcome.ts';
import { SseWatch, type SseFault } from '../upstream/sse.ts';
import { Tail, usageIn } from '../upstream/usage.ts';
import type { Asked } from './asked.ts';
import type { Exchange, Worker } from './exchange.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';

export interface AttemptOptions {
  readonly upstream: UpstreamClient;
  readonly account: AccountConfig;
  readonly asked: Asked;
  /** What the account calls the model, and what is said to it where the caller left it out. */
  readonly target: Pick<TargetConfig, 'model' | 'defaults'>;
  readonly writeIdleTimeoutMs: number;
}

export type AttemptEnd =
  | { readonly kind: 'answered'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly outcome: Outcome; readonly error: AppError };

/** Never rejects. When it ends as `failed`, part of the answer may have gone to the client. */
export function attempt(exchange: Exchange, options: AttemptOptions): Promise<AttemptEnd> {
  return new Promise((resolve) => new Attempt(exchange, options, resolve).start());
}

class Attempt implements AnswerListener, Worker {
  readonly #exchange: Exchange;
  readonly #options: AttemptOptions;
  readonly #resolve: (end: AttemptEnd) => void;
  #call: UpstreamCall | undefined;
  #status = 0;
  /** Waits for the first byte of the body: until then a failure can still be told by a status. */
  #head: string[] | undefined;
  #sse: SseWatch | undefined;
  #tail: Tail | undefined;
  #over = false;

  constructor(exchange: Exchange, options: AttemptOptions, resolve: (end: AttemptEnd) => void) {
    this.#exchange = exchange;
    this.#options = options;
    this.#resolve = resolve;
  }

  start(): void {
    const { upstream, account, asked, target, writeIdleTimeoutMs } = this.#options;
    const { req, endpoint } = this.#exchange;
    const headers = upstreamHeaders(account, req.headers, asked.contentType);
    const body = asked.bodyFor(target.model, target.defaults);
    this.#exchange.attempts += 1;
    this.#exchange.calledAtMs = performance.now();
    this.#exchange.worker = this;
    this.#call = upstream.send(
      { account, path: endpoint.path, headers, body, writeIdleTimeoutMs },
      this,
    );
  }

  started(status: number, headers: IncomingHttpHeaders): void {
    this.#exchange.answeredAtMs = performance.now();
    if (status >= 300 && status < 400) {
      this.broken(
        new AppError('upstream_protocol', 'The upstream redirects; that is not followed.'),
      );
      return;
    }
    this.#status = status;
    this.#exchange.isAnswered = status < 300;
    const type = headers['content-type'] ?? '';
    if (this.#exchange.res.headersSent && !isEvents(status, type)) {
      const message = `The upstream answered the waiting stream with status ${status}.`;
      this.broken(new AppError('upstream_protocol', message));
      return;
    }
    this.#head = this.#exchange.res.headersSent ? undefined : this.#headFor(headers);
    const plain = headers['content-encoding'] === undefined;
    if (plain && /^text\/event-stream\b/i.test(type)) {
      this.#sse = new SseWatch();
      this.#exchange.stream = true;
      this.#writeHead();
      this.#exchange.res.flushHeaders();
    }
    if (plain && (this.#sse !== undefined || /json/i.test(type))) this.#tail = new Tail();
  }

  data(chunk: Buffer): boolean {
    const exchange = this.#exchange;
    exchange.firstByteAtMs ??= performance.now();
    exchange.answerBytes += chunk.length;
    const fault = this.#sse?.see(chunk);
    if (fault !== undefined) {
      this.broken(new AppError('upstream_protocol', FAULTS[fault]));
      return true;
    }
    if (this.#sse?.done === true) this.#call?.expectEnd();
    this.#tail?.push(chunk);
    this.#writeHead();
    if (exchange.res.write(chunk)) return true;
    exchange.res.once('drain', () => this.#call?.resume());
    return false;
  }

  ended(): void {
    const { res } = this.#exchange;
    this.#writeHead();
    if (res.writableNeedDrain) {
      // The slot is free now; only the client's own connection waits for its reading.
      res.setTimeout(this.#options.writeIdleTimeoutMs, () => res.destroy());
    }
    res.end();
    this.#exchange.usage = this.#tail && usageIn(this.#tail.read());
    this.#end({ kind: 'answered', outcome: outcomeOfStatus(this.#status) });
  }

  failed(error: AppError): void {
    this.#end({ kind: 'failed', outcome: this.#outcomeOf(error), error });
  }

  /** Lets the upstream go at once. */
  broken(error: AppError): void {
    this.#call?.abort(error);
    this.failed(error);
  }

  #end(end: AttemptEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange.worker = undefined;
    this.#exchange.endedAtMs = performance.now();
    if (end.kind === 'failed' && this.#tail !== undefined) {
      this.#exchange.usage = usageIn(this.#tail.read());
    }
    this.#resolve(end);
  }

  /** A stream that had said all when it was cut was a good one. */
  #outcomeOf(error: AppError): Outcome {
    const complete = this.#sse?.done === true && error.code === 'client_closed';
    return complete ? outcomeOfStatus(this.#status) : outcomeOfError(error.code);
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    this.#exchange.res.writeHead(this.#status, this.#head);
    this.#head = undefined;
  }

  #headFor(upstream: IncomingHttpHeaders): string[] {
    const { requestId, attempts, queueMs, answeredAtMs } = this.#exchange;
    const overheadMs = this.#exchange.overheadMs(answeredAtMs ?? performance.now());
    const headers = [
      'x-request-id',
      requestId,
      'x-slotkeeper-origin',
      'upstream',
      'x-slotkeeper-account',
      this.#options.account.name,
      'x-slotkeeper-attempts',
      String(attempts),
      'x-slotkeeper-queue-ms',
      queueMs.toFixed(1),
      'x-slotkeeper-overhead-ms',
      overheadMs.toFixed(1),
    ];
    const { limits } = this.#exchange;
    passHeaders(upstream, headers, { withLimits: limits === undefined });
    if (limits !== undefined) headers.push(...rateLimitHeaders(limits));
    return headers;
  }
}

/** Whether an answer may go on in a stream that has begun: its head is gone. */
function isEvents(status: number, type: string): boolean {
  return status === 200 && /^text\/event-stream\b/i.test(type);
}

const FAULTS: Readonly<Record<SseFault, string>> = {
  endless_line: 'The upstream sent a line without end.',
  endless_end: 'The upstream went on after the end of its answer.',
};
