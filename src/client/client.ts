// The Scheduler API's client: acquire, renew, move, release and cancel over global fetch, for Node and
// browsers. It keeps no state: whoever knows a slot's id and fence can renew and release it.
import { errorOfAnswer, SlotkeeperApiError } from './errors.ts';
import { runWithHold, type LaneWork, type SlotWork, type WithSlotOptions } from './with-slot.ts';
import type {
  CallOptions,
  ClientOptions,
  Hold,
  LaneHold,
  LaneRequest,
  MovedSlot,
  Renewed,
  Slot,
  SlotMove,
  SlotRef,
  SlotRequest,
  SlotUse,
} from './types.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = 2;
const RETRY_PAUSE_MS = 100;
/** Node's fetch gives up on an answer that has not begun within five minutes. */
const DEFAULT_LANE_WAIT_MS = 240_000;

interface Call {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Time in ms that the server may take beyond a call's own. */
  readonly waitMs?: number;
}

type LaneCallOptions = Omit<WithSlotOptions, 'outcomeOf'>;

/** Every method rejects with SlotkeeperApiError, or with the reason of an aborted `signal`. */
export class SlotkeeperClient {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #retries: number;

  constructor(options: ClientOptions) {
    this.#url = `${options.baseUrl.replace(/\/+$/, '')}/scheduler`;
    this.#headers = {
      'content-type': 'application/json',
      ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    };
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#retries = options.retries ?? DEFAULT_RETRIES;
  }

  /**
   * Takes a slot. A repeat with the same id gets the same slot, marked `replayed`. Rejects with
   * the reason of a refusal as `code` (`pool_full`, …) and `retryAfterMs`.
   */
  async acquire(request: SlotRequest, options: CallOptions = {}): Promise<Slot> {
    return (await this.#take('/slots', request, options)) as Slot;
  }

  /**
   * Takes a session's lane and nothing else: its requests run one at a time, in the order of their
   * arrival. It is renewed, given back and cancelled as a slot is.
   */
  async acquireLane(
    session: string,
    request: LaneRequest = {},
    options: CallOptions = {},
  ): Promise<LaneHold> {
    const { waitMs = DEFAULT_LANE_WAIT_MS } = request;
    return await this.#take('/lanes', { session, ...request, waitMs }, options);
  }

  async #take(
    path: string,
    request: SlotRequest | (LaneRequest & { readonly session: string }),
    options: CallOptions,
  ): Promise<Hold> {
    // The id is made here: a call whose answer was lost is repeated without a second slot.
    const requestId = request.requestId ?? randomId();
    const body = { ...request, requestId };
    try {
      const { waitMs = 0 } = request;
      return (await this.#call({ method: 'POST', path, body, waitMs, ...options })) as Hold;
    } catch (error) {
      // Without an answer there may be a slot; only with an id of its own can the caller ask again.
      const isUnanswered = !(error instanceof SlotkeeperApiError) || error.status === undefined;
      if (isUnanswered && request.requestId === undefined) this.#giveUp(requestId);
      throw error;
    }
  }

  /** Extends the lease from now on; rejects with `lease_not_found` when it is lost. */
  async renew(
    slot: SlotRef,
    options: CallOptions & { readonly leaseMs?: number } = {},
  ): Promise<Renewed> {
    const { signal, leaseMs } = options;
    const body = { fence: slot.fence, leaseMs, leaseToken: slot.leaseToken };
    const path = `/slots/${encodeURIComponent(slot.requestId)}/renew`;
    return (await this.#call({ method: 'POST', path, body, signal })) as Renewed;
  }

  /**
   * Gives the account back with the outcome of its attempt and takes another one for the same request:
   * the slot that is held from then on. Rejects with the reason where none is free, or in time; after
   * waiting it holds no account. `lease_not_found` when the slot is lost.
   */
  async move(slot: SlotRef, to: SlotMove, options: CallOptions = {}): Promise<MovedSlot> {
    const body = { ...to, fence: slot.fence, leaseToken: slot.leaseToken };
    const path = `/slots/${encodeURIComponent(slot.requestId)}/move`;
    const { waitMs = 0 } = to;
    return (await this.#call({ method: 'POST', path, body, waitMs, ...options })) as MovedSlot;
  }

  /** Gives the slot back. Idempotent; never frees anybody else's slot. */
  async release(
    slot: SlotRef,
    options: CallOptions & SlotUse = {},
  ): Promise<'released' | 'already'> {
    const { signal, ...use } = options;
    const body = { fence: slot.fence, ...use };
    const path = `/slots/${encodeURIComponent(slot.requestId)}`;
    const answer = await this.#call({ method: 'DELETE', path, body, signal });
    return (answer as { result: 'released' | 'already' }).result;
  }

  /** Gives a request up whose answer was not seen; a later acquire with its id is refused. */
  async cancel(
    requestId: string,
    options: CallOptions = {},
  ): Promise<'cancelled' | 'was_granted' | 'already'> {
    const path = `/slots/${encodeURIComponent(requestId)}`;
    const answer = await this.#call({ method: 'DELETE', path, ...options });
    return (answer as { result: 'cancelled' | 'was_granted' | 'already' }).result;
  }

  /**
   * Runs `work` with a slot that is renewed at a third of its lease and always given back. The
   * signal fires when the slot is lost or `options.signal` does: stop the work then.
   */
  withSlot<T>(request: SlotRequest, work: SlotWork<T>, options: WithSlotOptions = {}): Promise<T> {
    const acquire = (call: CallOptions): Promise<Slot> => this.acquire(request, call);
    return runWithHold(this, { acquire, work, ...options });
  }

  /** Runs `work` alone among all of its session, in the order of arrival; it takes no account. */
  withLane<T>(
    session: string,
    work: LaneWork<T>,
    { signal, onReleaseError, ...request }: LaneRequest & LaneCallOptions = {},
  ): Promise<T> {
    const acquire = (call: CallOptions): Promise<LaneHold> =>
      this.acquireLane(session, request, call);
    const told = { ...(signal && { signal }), ...(onReleaseError && { onReleaseError }) };
    return runWithHold(this, { acquire, work, ...told });
  }

  #giveUp(requestId: string): void {
    // Fails where the acquire failed; the lease, if there is one, then ends by itself.
    this.cancel(requestId).catch(() => undefined);
  }

  async #call(call: Call): Promise<unknown> {
    for (let attempt = 0; ; attempt += 1) {
      const result = await this.#attempt(call).catch((error: unknown) => asApiError(error, call));
      if (!(result instanceof SlotkeeperApiError)) return result;
      const mayPass = result.code === 'unreachable' || result.code === 'store_unavailable';
      if (!mayPass || attempt >= this.#retries) throw result;
      await pause(RETRY_PAUSE_MS * 2 ** attempt, call.signal);
    }
  }

  async #attempt({ method, path, body, signal, waitMs = 0 }: Call): Promise<unknown> {
    const timeout = AbortSignal.timeout(this.#timeoutMs + waitMs);
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: this.#headers,
      redirect: 'error',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw await errorOfAnswer(answer);
    return answer.json();
  }
}

/** The caller's own abort passes through as it is; all else becomes the client's error. */
function asApiError(error: unknown, call: Call): SlotkeeperApiError {
  if (call.signal?.aborted === true) throw call.signal.reason;
  if (error instanceof SlotkeeperApiError) return error;
  return new SlotkeeperApiError('unreachable', 'The Slotkeeper daemon did not answer.', {
    cause: error,
  });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
  signal?.throwIfAborted();
}

/** 128 random bits; unlike randomUUID it works on pages that are not served over TLS too. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
