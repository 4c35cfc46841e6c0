// One upstream try: sends the request to the account of a lease and lets a good answer through, byte
// for byte, with back-pressure. A bad one is kept back for whoever decides whether the request is
// tried elsewhere. It ends exactly once; it takes no slot and gives none back.
import type { IncomingHttpHeaders } from 'node:http';
import type { AccountConfig, TargetConfig } from '../config/schema.ts';
import { AppError } from '../core/errors.ts';
import type { AnswerListener, UpstreamCall } from '../upstream/call.ts';
import type { UpstreamClient } from '../upstream/client.ts';
import { failureOf, type UpstreamFailure } from '../upstream/failures.ts';
import { upstreamHeaders } from '../upstream/headers.ts';
import {
  BROKEN_OFF,
  SUCCEEDED,
  verdictOnAnswer,
  verdictOnFailure,
  type Verdict,
} from '../upstream/outcome.ts';
import { SseWatch, type SseFault } from '../upstream/sse.ts';
import { Tail, usageIn } from '../upstream/usage.ts';
import { answerHeaders } from './answer-head.ts';
import type { Asked } from './asked.ts';
import type { Exchange, Worker } from './exchange.ts';
import { Held } from './held.ts';

export interface AttemptOptions {
  readonly upstream: UpstreamClient;
  readonly account: AccountConfig;
  readonly asked: Asked;
  /** What the account calls the model, and what is said to it where the caller left it out. */
  readonly target: Pick<TargetConfig, 'model' | 'defaults'>;
  readonly writeIdleTimeoutMs: number;
}

/** Whether the client has seen any of its answer (`begun`): then nothing else can be tried. */
export type AttemptEnd =
  | { readonly kind: 'answered'; readonly verdict: Verdict }
  | {
      readonly kind: 'failed';
      readonly verdict: Verdict;
      readonly error: AppError;
      readonly begun: boolean;
    }
  /** A whole answer that the client has not seen; `pass` lets it through. */
  | { readonly kind: 'held'; readonly verdict: Verdict; readonly pass: () => AttemptEnd };

/** Never rejects. */
export function attempt(exchange: Exchange, options: AttemptOptions): Promise<AttemptEnd> {
  return new Promise((resolve) => new Attempt(exchange, options, resolve).start());
}

class Attempt implements AnswerListener, Worker {
  readonly #exchange: Exchange;
  readonly #options: AttemptOptions;
  readonly #resolve: (end: AttemptEnd) => void;
  #call: UpstreamCall | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  /** Whether any of the answer has gone to the client. */
  #begun = false;
  #held: Held | undefined;
  /** Until the first byte of an answer that must have one. */
  #awaitsBody = false;
  #isUnparsable = false;
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
    this.#exchange.beginAttempt(account.label);
    this.#exchange.worker = this;
    this.#call = upstream.send(
      { account, path: endpoint.path, headers, body, writeIdleTimeoutMs },
      this,
    );
  }

  started(status: number, headers: IncomingHttpHeaders): void {
    const exchange = this.#exchange;
    exchange.answeredAtMs = performance.now();
    if (status >= 300 && status < 400) {
      this.#refuse('The upstream redirects; that is not followed.');
      return;
    }
    this.#status = status;
    this.#headers = headers;
    const isGood = status < 300;
    exchange.isAnswered = isGood;
    const type = headers['content-type'] ?? '';
    const isStream = isGood && isEvents(type);
    if (exchange.res.headersSent && isGood && !isStream) {
      this.#refuse(WAITED_FOR_EVENTS);
      return;
    }
    if (!isGood) this.#held = new Held();
    if (headers['content-encoding'] !== undefined) return;
    if (isStream) this.#sse = new SseWatch();
    const isJson = /json/i.test(type);
    this.#awaitsBody = isStream || (isGood && status !== 204 && isJson);
    if (isStream || isJson) this.#tail = new Tail();
  }

  data(chunk: Buffer): boolean {
    const exchange = this.#exchange;
    exchange.firstByteAtMs ??= performance.now();
    exchange.answerBytes += chunk.length;
    if (this.#awaitsBody) this.#lookAtFirst(chunk);
    const fault = this.#sse?.see(chunk);
    if (fault !== undefined) {
      this.#refuse(FAULTS[fault]);
      return true;
    }
    if (this.#sse?.done === true) this.#call?.expectEnd();
    this.#tail?.push(chunk);
    if (this.#held !== undefined) return this.#hold(chunk, this.#held);
    return this.#write(chunk);
  }

  ended(): void {
    this.#isUnparsable ||= this.#awaitsBody;
    this.#exchange.usage = this.#tail && usageIn(this.#tail.read());
    const verdict = this.#verdict();
    const isHeld = this.#held !== undefined || (this.#isUnparsable && !this.#begun);
    if (isHeld) this.#end({ kind: 'held', verdict, pass: () => this.#pass(verdict) });
    else this.#end(this.#pass(verdict));
  }

  failed({ sign, error }: UpstreamFailure): void {
    const { outcomes } = this.#options.account;
    const isWhole = this.#sse?.done === true && error.code === 'client_closed';
    const verdict = sign === undefined ? BROKEN_OFF : verdictOnFailure(sign, outcomes);
    if (this.#tail !== undefined) this.#exchange.usage = usageIn(this.#tail.read());
    // A stream that had said all when it was cut was a good one.
    this.#end({
      kind: 'failed',
      verdict: isWhole ? SUCCEEDED : verdict,
      error,
      begun: this.#begun && !this.#exchange.isKept,
    });
  }

  /** Lets the upstream go at once. */
  broken(error: AppError): void {
    this.#call?.abort(error);
    this.failed({ sign: undefined, error });
  }

  #refuse(message: string): void {
    const failure = failureOf('protocol', message);
    this.#call?.abort(failure.error);
    this.failed(failure);
  }

  #end(end: AttemptEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange.worker = undefined;
    this.#exchange.endedAtMs = performance.now();
    this.#resolve(end);
  }

  #verdict(): Verdict {
    const { account, target } = this.#options;
    if (this.#isUnparsable) return verdictOnFailure('unparsable', account.outcomes);
    if (this.#held === undefined && this.#status < 300) return SUCCEEDED;
    const answer = { status: this.#status, headers: this.#headers, model: target.model };
    return verdictOnAnswer({ ...answer, body: this.#held?.text() ?? '' }, account.outcomes);
  }

  /** JSON that does not begin as JSON is an error page of something in between. */
  #lookAtFirst(chunk: Buffer): void {
    this.#awaitsBody = false;
    if (this.#sse !== undefined || JSON_START.test(chunk.toString('latin1', 0, 64))) return;
    this.#isUnparsable = true;
    this.#held = new Held();
  }

  #hold(chunk: Buffer, held: Held): boolean {
    if (held.add(chunk)) return true;
    this.#held = undefined;
    if (this.#exchange.res.headersSent) {
      this.#refuse(WAITED_FOR_EVENTS);
      return true;
    }
    return held.chunks.map((one) => this.#write(one)).every(Boolean);
  }

  /** Lets what is left of the answer through. */
  #pass(verdict: Verdict): AttemptEnd {
    const { res } = this.#exchange;
    const held = this.#held;
    if (held !== undefined && res.headersSent) {
      const error = new AppError('upstream_protocol', WAITED_FOR_EVENTS);
      return { kind: 'failed', verdict, error, begun: false };
    }
    for (const chunk of held?.chunks ?? []) this.#write(chunk);
    this.#writeHead();
    if (res.writableNeedDrain) {
      // The slot is free now; only the client's own connection waits for its reading.
      res.setTimeout(this.#options.writeIdleTimeoutMs, () => res.destroy());
    }
    res.end();
    return { kind: 'answered', verdict };
  }

  /** Answers whether the client can take more; otherwise the upstream is resumed when it can. */
  #write(chunk: Buffer): boolean {
    const { res } = this.#exchange;
    this.#writeHead();
    if (res.write(chunk)) return true;
    res.once('drain', () => this.#call?.resume());
    return false;
  }

  /** With the first byte of the body: until then a failure can still be told by a status. */
  #writeHead(): void {
    if (this.#begun) return;
    this.#begun = true;
    const exchange = this.#exchange;
    if (this.#sse !== undefined) exchange.stream = true;
    if (exchange.res.headersSent) return;
    exchange.res.writeHead(this.#status, answerHeaders(exchange, this.#headers));
  }
}

/** Whether an answer may go on in a stream that has begun: its head is gone. */
function isEvents(type: string): boolean {
  return /^text\/event-stream\b/i.test(type);
}

const JSON_START = /^\s*(?:[[{"]|$)/;

const WAITED_FOR_EVENTS = 'The upstream answered the waiting stream with something else.';

const FAULTS: Readonly<Record<SseFault, string>> = {
  endless_line: 'The upstream sent a line without end.',
  endless_end: 'The upstream went on after the end of its answer.',
};
