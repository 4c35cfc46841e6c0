// One request of a load run on the wire, from its first byte to its end, whichever way it ends.
import type { Agent, Dispatcher } from 'undici';
import type { ErrorCode } from '../../core/errors.ts';
import type { PlannedRequest } from './plan.ts';

export type Attempt =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly elapsedMs: number;
      /** Of that in the daemon's queue, as it says itself; 0 where it says nothing. */
      readonly queueMs: number;
      /** The error's code, where the body has one. */
      readonly code?: string | undefined;
    }
  /** The gateway had no slot to give at that time; nothing reached the upstream. */
  | {
      readonly kind: 'turned_away';
      readonly status: number;
      readonly code: string;
      readonly retryAfterMs: number;
    }
  /** The client left, as planned. */
  | { readonly kind: 'left' }
  /** 200, and then a stream without its end. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Caller {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly model: string;
  readonly agent: Agent;
  readonly timeoutMs: number;
}

/** No slot, or no room to wait for one; or, after a loss of data, leases are being registered again. */
const TEMPORARY: ReadonlySet<string> = new Set<ErrorCode>([
  'pool_full',
  'queue_full',
  'queue_timeout',
  'recovering',
]);
const DONE = 'data: [DONE]';
const TAIL_BYTES = 64;
const DEFAULT_RETRY_AFTER_MS = 1000;

/** Never rejects. `signal` ends the attempt early; it counts as left then. */
export async function attempt(
  planned: PlannedRequest,
  caller: Caller,
  signal: AbortSignal,
): Promise<Attempt> {
  const controller = new AbortController();
  const leave = () => controller.abort();
  signal.addEventListener('abort', leave, { once: true });
  const { leavesAfterMs } = planned;
  const timer = leavesAfterMs === undefined ? undefined : setTimeout(leave, leavesAfterMs);
  try {
    return await exchange(planned, caller, controller.signal);
  } catch (error) {
    if (controller.signal.aborted) return { kind: 'left' };
    return { kind: 'failed', reason: reasonOf(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', leave);
  }
}

async function exchange(
  planned: PlannedRequest,
  caller: Caller,
  signal: AbortSignal,
): Promise<Attempt> {
  const startedAt = performance.now();
  const answer = await caller.agent.request({
    origin: caller.url,
    path: '/v1/chat/completions',
    method: 'POST',
    headers: headersOf(caller),
    body: bodyOf(planned, caller.model),
    signal,
    headersTimeout: caller.timeoutMs,
    bodyTimeout: caller.timeoutMs,
  });
  const status = answer.statusCode;
  if (status >= 400) return await refused(answer, startedAt);
  const tail = await readTail(answer.body);
  if (status === 200 && planned.stream && !tail.trimEnd().endsWith(DONE)) {
    return { kind: 'incomplete' };
  }
  return answered(answer, startedAt);
}

/** Only the gateway's own temporary refusals are ours to wait for, never an upstream's 429. */
async function refused(answer: Dispatcher.ResponseData, startedAt: number): Promise<Attempt> {
  const { body, headers, statusCode: status } = answer;
  const code = /"code"\s*:\s*"([\w-]{1,60})"/.exec(await body.text())?.[1];
  if (code === undefined || !TEMPORARY.has(code)) {
    return { ...answered(answer, startedAt), code };
  }
  const ms = Number(headers['retry-after-ms'] ?? Number(headers['retry-after']) * 1000);
  const retryAfterMs = Number.isFinite(ms) ? ms : DEFAULT_RETRY_AFTER_MS;
  return { kind: 'turned_away', status, code, retryAfterMs };
}

function answered({ statusCode: status, headers }: Dispatcher.ResponseData, startedAt: number) {
  const queueMs = Number(headers['x-slotkeeper-queue-ms'] ?? 0);
  return { kind: 'answered', status, elapsedMs: performance.now() - startedAt, queueMs } as const;
}

/** Reads a body to its end and keeps its last bytes. */
async function readTail(body: AsyncIterable<Buffer>): Promise<string> {
  let tail = '';
  for await (const chunk of body) {
    tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - TAIL_BYTES))).slice(
      -TAIL_BYTES,
    );
  }
  return tail;
}

function headersOf({ apiKey }: Caller): Record<string, string> {
  const headers = { 'content-type': 'application/json' };
  return apiKey === undefined ? headers : { ...headers, authorization: `Bearer ${apiKey}` };
}

function bodyOf({ index, stream }: PlannedRequest, model: string): string {
  const messages = [{ role: 'user', content: `Request ${index} of a load run: how are you?` }];
  return JSON.stringify({ model, stream, messages });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.name;
}
