// One request of a client, over a connection of its own, from its first byte to exactly one outcome.
// It repeats nothing: what the caller would see is what is recorded.
import { request, type IncomingMessage } from 'node:http';
import { MODEL, TOKENS, TOTAL_MS, WAIT_MS } from './configuration.ts';
import type { PlannedRequest } from './plan.ts';

export type Outcome =
  | { readonly kind: 'served' }
  /** Its client left, as planned. */
  | { readonly kind: 'left' }
  /** An error in words: "503 store_unavailable", "connection refused", "answer cut". */
  | { readonly kind: 'error'; readonly word: string; readonly isRefusal: boolean }
  /** Neither an answer nor an error in all the time that it may take. */
  | { readonly kind: 'hung' };

export interface EndedRequest {
  readonly planned: PlannedRequest;
  readonly outcome: Outcome;
  /** performance.now() of its start, of the first byte of an answer, and of its end. */
  readonly startedAt: number;
  readonly headAt: number | undefined;
  readonly endedAt: number;
  /** What the answer says of itself: upstream attempts, and the label of the account. */
  readonly attempts: number | undefined;
  readonly account: string | undefined;
}

/** What a request shows of itself while it runs. */
export interface RunningRequest {
  readonly planned: PlannedRequest;
  readonly startedAt: number;
  /** Bytes of the answer's body so far. */
  bytes: number;
}

/** Beyond every limit that the daemon has for waiting and for answering, and then some. */
const PATIENCE_MS = WAIT_MS + TOTAL_MS + 5000;
const TAIL_BYTES = 600;

export function runIdOf({ index }: Pick<PlannedRequest, 'index'>): string {
  return `request-${index}`;
}

/** Never rejects. `signal` ends it early; it counts as left then. */
export function send(
  url: string,
  running: RunningRequest,
  signal: AbortSignal,
): Promise<EndedRequest> {
  return new Promise((resolve) => new Sending(running, resolve).start(url, signal));
}

class Sending {
  readonly #running: RunningRequest;
  readonly #resolve: (ended: EndedRequest) => void;
  #headAt: number | undefined;
  #attempts: number | undefined;
  #account: string | undefined;
  #tail = '';
  #timers: NodeJS.Timeout[] = [];
  #destroy: () => void = () => undefined;
  #stopListening: () => void = () => undefined;
  #isOver = false;

  constructor(running: RunningRequest, resolve: (ended: EndedRequest) => void) {
    this.#running = running;
    this.#resolve = resolve;
  }

  start(url: string, signal: AbortSignal): void {
    const { planned } = this.#running;
    const body = bodyOf(planned);
    const req = request(`${url}/v1/chat/completions`, {
      method: 'POST',
      // A kept connection could be closed by the daemon just as it is used again.
      agent: false,
      headers: headersOf(planned, body),
    });
    this.#destroy = () => req.destroy();
    const leave = (): void => this.#end({ kind: 'left' });
    if (planned.leavesAfterMs !== undefined) this.#after(planned.leavesAfterMs, leave);
    this.#after(PATIENCE_MS, () => this.#end({ kind: 'hung' }));
    signal.addEventListener('abort', leave, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', leave);
    req.on('response', (res) => this.#answered(res));
    req.on('error', (error) => this.#broken(error));
    req.end(body);
  }

  #answered(res: IncomingMessage): void {
    this.#headAt = performance.now();
    this.#readHeaders(res);
    res.setEncoding('latin1');
    res.on('data', (chunk: string) => {
      this.#running.bytes += chunk.length;
      this.#tail = (this.#tail + chunk).slice(-TAIL_BYTES);
    });
    res.on('error', () => this.#end(failed(`answer cut${this.#code()}`)));
    res.on('end', () => this.#complete(res.statusCode ?? 0));
  }

  #readHeaders({ headers }: IncomingMessage): void {
    const attempts = headers['x-slotkeeper-attempts'];
    const account = headers['x-slotkeeper-account'];
    if (typeof attempts === 'string') this.#attempts = Number(attempts);
    if (typeof account === 'string') this.#account = account;
  }

  #complete(status: number): void {
    if (status !== 200) this.#end(failed(`${status}${this.#code()}`, true));
    else if (isWhole(this.#tail, this.#running.planned.stream)) this.#end({ kind: 'served' });
    else this.#end(failed(`answer cut${this.#code()}`));
  }

  /** The code of the error that an answer names, with a space before it. */
  #code(): string {
    const code = /"code"\s*:\s*"([\w-]{1,60})"/.exec(this.#tail)?.[1];
    return code === undefined ? '' : ` ${code}`;
  }

  #broken(error: NodeJS.ErrnoException): void {
    if (this.#headAt !== undefined) this.#end(failed('answer cut'));
    else
      this.#end(failed(error.code === 'ECONNREFUSED' ? 'connection refused' : 'connection lost'));
  }

  #after(ms: number, then: () => void): void {
    this.#timers.push(setTimeout(then, ms));
  }

  #end(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#stopListening();
    this.#destroy();
    const { planned, startedAt } = this.#running;
    const endedAt = performance.now();
    const times = { startedAt, headAt: this.#headAt, endedAt };
    const said = { attempts: this.#attempts, account: this.#account };
    this.#resolve({ planned, outcome, ...times, ...said });
  }
}

function failed(word: string, isRefusal = false): Outcome {
  return { kind: 'error', word, isRefusal };
}

/** A stream ends with its mark, a JSON answer with its brace. */
function isWhole(tail: string, stream: boolean): boolean {
  return stream ? tail.trimEnd().endsWith('data: [DONE]') : tail.trimEnd().endsWith('}');
}

function bodyOf({ index, stream, latencyMs, chunkMs }: PlannedRequest): string {
  const content = `Request ${index} [sim latency=${latencyMs} chunk=${chunkMs} usage=always]`;
  const messages = [{ role: 'user', content }];
  return JSON.stringify({ model: MODEL, stream, max_tokens: TOKENS, messages });
}

function headersOf(planned: PlannedRequest, body: string): Record<string, string> {
  const { session, lane } = planned;
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'x-slotkeeper-run': runIdOf(planned),
    ...(session === undefined ? {} : { 'x-slotkeeper-session': session }),
    ...(lane ? { 'x-slotkeeper-lane': 'on' } : {}),
  };
}
