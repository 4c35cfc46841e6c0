// A daemon's side of the breaker of `v2`: it asks for recovery when the cool-down is over, as every
// daemon does, tells the changes that its own calls made, and reads the state for whoever asks.
//
// Idle while the breaker is closed. When a tick says that it has opened or closed, the daemon looks
// once, and once more after the time within which whoever changed it must have told so. While it is
// open, a timer waits for the end of the cool-down; where the store fails, it tries again.
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter, V2Breaker } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { CODES } from '../redis/codes.ts';
import type { Change, CostsimEmitter, UnreadableReason } from './events.ts';
import { LastTick } from './last-tick.ts';
import type { BreakerState, ByHand, CostsimAnswer, CostsimStore } from './store.ts';

export interface CostsimBreakerOptions {
  readonly store: CostsimStore;
  readonly events: CostsimEmitter;
  /** Its ticks tell whether the breaker is open. */
  readonly scheduler: SchedulerEmitter;
  /** What ticks say is trusted for so long. */
  readonly trustMs: number;
}

const DEFAULT_TIMEOUT_MS = 5000;
const RETRY_MS = 1000;
/** Daemons ask for recovery one after another rather than all at once. */
const JITTER_MS = 500;
const { tell_ms: TELL_MS } = CODES.COSTSIM;

export class CostsimBreaker implements Service {
  readonly #options: CostsimBreakerOptions;
  readonly #lastTick: LastTick;
  readonly #timers = new Map<'look' | 'recover', NodeJS.Timeout>();
  #isStopped = false;
  #repairing: Promise<unknown> | undefined;
  #repairedAtMs = -Infinity;

  constructor(options: CostsimBreakerOptions) {
    this.#options = options;
    this.#lastTick = new LastTick({
      events: options.scheduler,
      trustMs: options.trustMs,
      onChange: (state) => this.#changed(state),
      onUnreadable: (reason) => this.#unreadable(reason),
    });
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#lastTick.stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    return Promise.resolve();
  }

  /** For a request: by what this daemon's last tick knew. Asks nobody. */
  isV2DisabledNow(): boolean {
    return this.#lastTick.isV2Disabled();
  }

  /** What the last tick knew; `outdated` where it is too long ago. */
  get lastKnown(): V2Breaker | 'outdated' {
    return this.#lastTick.state;
  }

  /** Whether the cell has one at all, as far as ticks have told. */
  get isInUse(): boolean {
    return this.#lastTick.hasFoundOne;
  }

  /**
   * As the store has it now. An error, no answer in time, a missing or a corrupt state: false, and
   * counted. Never rejects.
   */
  async isV2Disabled({ timeoutMs = DEFAULT_TIMEOUT_MS } = {}): Promise<boolean> {
    const { redis, keys } = this.#options.store;
    const read = redis.hmget(keys.costsim, 'state', 'recover_at').then(
      ([state, recoverAt]) => judgeStored(state, recoverAt),
      () => 'error' as const,
    );
    const patience = new AbortController();
    const late = new Promise<'timeout'>((resolve) => {
      const timer = setTimeout(() => resolve('timeout'), timeoutMs);
      patience.signal.addEventListener('abort', () => clearTimeout(timer));
    });
    const found = await Promise.race([read, late]).finally(() => patience.abort());
    if (found === 'open' || found === 'closed') return found === 'open';
    this.#options.events.emit('unreadable', { reason: found });
    return false;
  }

  /** Rejects with `store_unavailable`. */
  async status(): Promise<BreakerState> {
    return (await this.#ask(() => this.#options.store.look())).breaker;
  }

  /** Puts `v2` back into service; nothing changes where it is. */
  async enable(words: ByHand): Promise<BreakerState> {
    return (await this.#ask(() => this.#options.store.enable(words))).breaker;
  }

  /** Takes `v2` out of service until somebody enables it. */
  async disable(words: ByHand): Promise<BreakerState> {
    return (await this.#ask(() => this.#options.store.disable(words))).breaker;
  }

  /** What the canary does when it has failed: out of service until the cool-down is over. */
  async trip(words: ByHand): Promise<BreakerState> {
    return (await this.#ask(() => this.#options.store.trip(words))).breaker;
  }

  /** Whether this very call closed the breaker; of any number of calls at once, one does. */
  async recover(): Promise<boolean> {
    const { changes } = await this.#ask(() => this.#options.store.recover());
    return changes.some(({ kind }) => kind === 'recovered');
  }

  /** What any call of the script has answered: its changes are told, its cool-down is waited for. */
  heed({ breaker, changes }: CostsimAnswer): void {
    this.#arm(breaker);
    for (const change of changes) this.#tell(change);
  }

  #tell(change: Change): void {
    this.#options.events.emit(change.kind === 'unreadable' ? 'stateLost' : change.kind, change);
    const { number } = change;
    if (number === undefined) return;
    // Unless this arrives, another daemon tells it again.
    this.#options.store.told(number).catch(() => undefined);
  }

  #arm({ state, recoverAtMs, nowMs }: BreakerState): void {
    if (state === 'closed' || recoverAtMs === undefined) {
      clearTimeout(this.#timers.get('recover'));
      return;
    }
    const delayMs = Math.max(0, recoverAtMs - nowMs) + Math.random() * JITTER_MS;
    this.#later('recover', delayMs, () => this.recover());
  }

  #changed(state: V2Breaker): void {
    if (state !== 'open' && state !== 'closed') return;
    this.#later('look', Math.random() * JITTER_MS, async () => {
      await this.status();
      const delayMs = TELL_MS + JITTER_MS + Math.random() * RETRY_MS;
      this.#later('look', delayMs, () => this.status());
    });
  }

  /** Runs once; while the store fails, again and again. */
  #later(what: 'look' | 'recover', delayMs: number, work: () => Promise<unknown>): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timers.get(what));
    const timer = setTimeout(
      () => {
        work().catch(() => this.#later(what, RETRY_MS + Math.random() * JITTER_MS, work));
      },
      Math.min(delayMs, MOST_DELAY_MS),
    );
    this.#timers.set(what, timer.unref());
  }

  #unreadable(reason: UnreadableReason): void {
    this.#options.events.emit('unreadable', { reason });
    if (reason !== 'missing' && reason !== 'corrupt') return;
    // The script puts right what ticks read; requests that come meanwhile do not ask again.
    const nowMs = performance.now();
    if (this.#isStopped || nowMs - this.#repairedAtMs < RETRY_MS) return;
    this.#repairedAtMs = nowMs;
    this.#repairing ??= this.status()
      .catch(() => undefined)
      .finally(() => (this.#repairing = undefined));
  }

  async #ask(call: () => Promise<CostsimAnswer>): Promise<CostsimAnswer> {
    const answer = await this.guarded(call);
    this.heed(answer);
    return answer;
  }

  /** Whatever `call` rejects with becomes `store_unavailable`. */
  async guarded<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      throw new AppError('store_unavailable', 'The store does not tell of the breaker of v2.', {
        retryAfterMs: RETRY_MS,
        cause,
      });
    }
  }
}

/** What timers of Node can wait for. */
const MOST_DELAY_MS = 2 ** 31 - 1;

function judgeStored(
  state: string | null | undefined,
  recoverAt: string | null | undefined,
): 'open' | 'closed' | 'missing' | 'corrupt' {
  if (state == null) return 'missing';
  const isSound = (state === 'open' || state === 'closed') && /^\d{1,16}$/.test(recoverAt ?? '');
  return isSound ? state : 'corrupt';
}
