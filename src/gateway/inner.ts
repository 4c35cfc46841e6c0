// A request that no client has sent: a deferred job, a line of a batch, a question of the daemon's own.
// It is served as any other, by the same slots, rates and budgets of its tenant, and its answer is kept
// in memory. It authenticates nobody: whose the request is was decided by who asks here.
import { Readable } from 'node:stream';
import { AppError, asAppError, type ErrorCode } from '../core/errors.ts';
import type { Principal } from '../tenants/tenant.ts';
import { BROKEN_OFF, type Verdict } from '../upstream/outcome.ts';
import { ENDPOINTS } from './endpoints.ts';
import { Exchange, type Inner } from './exchange.ts';
import type { Gateway } from './gateway.ts';
import { answerTooLarge, KeptAnswer } from './kept-answer.ts';
import { identify } from './principal.ts';

export interface InnerRequest {
  /** Of the fixed list, such as `/v1/chat/completions`. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string | Buffer;
}

export interface InnerOptions extends Inner {
  readonly principal: Principal;
  /** Breaks the request off; its slot is given back. */
  readonly signal?: AbortSignal | undefined;
  /** A larger answer ends as `answer_too_large`. */
  readonly maxAnswerBytes: number;
}

export type InnerEnd =
  /** An upstream's answer, whole, whatever its status. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Buffer;
      readonly verdict: Verdict;
    }
  /** `verdict` is that of the last attempt, if there was one. */
  | { readonly kind: 'refused'; readonly error: AppError; readonly verdict: Verdict };

export interface InnerDeps {
  readonly gateway: Pick<Gateway, 'serve' | 'events'>;
  /** What a client would have seen, for counters and the access log. */
  readonly statusOf: (code: ErrorCode) => number;
}

/** Never rejects. Its slot is on its way back when it resolves. */
export type ServeInner = (request: InnerRequest, options: InnerOptions) => Promise<InnerEnd>;

export function createServeInner({ gateway, statusOf }: InnerDeps): ServeInner {
  return async (request, options) => {
    const endpoint = ENDPOINTS.get(request.path.replace(/^\/v1(?=\/)/, ''));
    if (endpoint === undefined || !request.path.startsWith('/v1/')) return notFound();
    const kept = new KeptAnswer({
      maxBytes: options.maxAnswerBytes,
      onOverflow: () => exchange.break(answerTooLarge(options.maxAnswerBytes)),
    });
    const exchange = new Exchange(sourceOf(request, options), kept, endpoint, options);
    exchange.keepAnswer(kept);
    const error = await served(gateway, exchange, options.signal);
    const status = error === undefined ? kept.status : statusOf(error.code);
    gateway.events.emit('finished', exchange.summary(status, error));
    const { verdict } = exchange;
    if (error !== undefined) return { kind: 'refused', error, verdict };
    return { kind: 'answered', status, headers: named(kept), body: kept.body(), verdict };
  };
}

/** Resolves to why it was refused or broken off. */
async function served(
  gateway: InnerDeps['gateway'],
  exchange: Exchange,
  signal: AbortSignal | undefined,
): Promise<AppError | undefined> {
  const giveUp = (): void => exchange.break(new AppError('client_closed', 'It was given up.'));
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal?.aborted === true) giveUp();
    exchange.throwIfBroken();
    await gateway.serve(exchange);
    return exchange.broken;
  } catch (thrown) {
    return asAppError(thrown);
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

function sourceOf({ headers, body }: InnerRequest, { principal }: InnerOptions) {
  const source = Object.assign(Readable.from([Buffer.from(body)]), {
    headers: { 'content-type': 'application/json', ...headers },
  });
  identify(source, principal);
  return source;
}

function named({ headers }: KeptAnswer): Readonly<Record<string, string>> {
  const pairs: [string, string][] = [];
  for (let at = 0; at < headers.length; at += 2) {
    pairs.push([headers[at] ?? '', headers[at + 1] ?? '']);
  }
  return Object.fromEntries(pairs);
}

function notFound(): InnerEnd {
  const error = new AppError('path_not_found', 'This path is not served here.');
  return { kind: 'refused', error, verdict: BROKEN_OFF };
}
