// Counts failed authentications per remote address, in memory that no guesser can make grow.
// A token bucket an address: a few attempts at once, then one every few seconds. It decides
// nothing about the right key.
import { isIPv6 } from 'node:net';

export interface ThrottleOptions {
  /** Failures that an idle address may make at once. */
  readonly burst: number;
  /** Time in ms after which one more is allowed. */
  readonly refillMs: number;
  readonly maxAddresses: number;
}

const DEFAULTS: ThrottleOptions = { burst: 20, refillMs: 3000, maxAddresses: 10_000 };

export class AttemptThrottle {
  readonly #options: ThrottleOptions;
  /** By address: the time in ms at which its bucket is full again. Oldest entry first. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(options: ThrottleOptions = DEFAULTS) {
    this.#options = options;
  }

  get size(): number {
    return this.#fullAtMs.size;
  }

  /** Records a failure; 0 within the allowance, else the ms until the next one is allowed. */
  failed(address: string, nowMs: number): number {
    const { burst, refillMs } = this.#options;
    const source = sourceOf(address);
    const fullAtMs = Math.max(this.#fullAtMs.get(source) ?? 0, nowMs) + refillMs;
    const overMs = fullAtMs - nowMs - burst * refillMs;
    // A refused attempt costs nothing: the bucket must drain even under constant fire.
    if (overMs > 0) return overMs;
    this.#fullAtMs.delete(source);
    this.#fullAtMs.set(source, fullAtMs);
    this.#dropOldest();
    return 0;
  }

  #dropOldest(): void {
    if (this.#fullAtMs.size <= this.#options.maxAddresses) return;
    const oldest = this.#fullAtMs.keys().next().value;
    if (oldest !== undefined) this.#fullAtMs.delete(oldest);
  }
}

/** One subscriber owns a whole IPv6 /64: its addresses count as one. */
function sourceOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length;
  const full = [
    ...groups,
    ...Array<string>(Math.max(0, missing)).fill('0'),
    ...(tail ?? '').split(':'),
  ];
  return full.slice(0, 4).join(':');
}
