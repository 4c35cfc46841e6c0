// What the last tick of this daemon knew of the breaker: what a request goes by, without asking the
// store. What is missing, corrupt or too old keeps nothing out of service, and is counted.
import type { SchedulerEmitter, V2Breaker } from '../core/events.ts';
import type { UnreadableReason } from './events.ts';

export interface LastTickOptions {
  readonly events: SchedulerEmitter;
  /** Older knowledge is none: daemons tick at least every `reapIntervalMs`. */
  readonly trustMs: number;
  readonly onChange: (state: V2Breaker) => void;
  readonly onUnreadable: (reason: UnreadableReason) => void;
  /** Ms since any moment; tests give their own. */
  readonly nowMs?: () => number;
}

export class LastTick {
  readonly #options: LastTickOptions;
  readonly #nowMs: () => number;
  #state: V2Breaker = 'missing';
  #heardAtMs = -Infinity;

  constructor(options: LastTickOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    options.events.on('tick', this.#heard);
  }

  stop(): void {
    this.#options.events.off('tick', this.#heard);
  }

  /** For a request that chooses its estimator now. */
  isV2Disabled(): boolean {
    const { state } = this;
    if (state === 'open') return true;
    if (state !== 'closed') this.#options.onUnreadable(state);
    return false;
  }

  get state(): V2Breaker | 'outdated' {
    const isTrusted = this.#nowMs() - this.#heardAtMs <= this.#options.trustMs;
    return isTrusted ? this.#state : 'outdated';
  }

  /** Whether any tick has found a state, however long ago. */
  get hasFoundOne(): boolean {
    return this.#state !== 'missing';
  }

  readonly #heard = ({ v2 }: { readonly v2: V2Breaker }): void => {
    this.#heardAtMs = this.#nowMs();
    if (v2 === this.#state) return;
    this.#state = v2;
    this.#options.onChange(v2);
  };
}
