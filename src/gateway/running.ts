// The exchanges that run now. A Set would do, but each time a Set grows over its deleted entries,
// V8 links its old table to the new one: once one of them is old, all later ones, and with them
// every request that ever ran, stay until a full collection. That cost a fifth of the proxy's CPU.
import type { Exchange } from './exchange.ts';

export class RunningList implements Iterable<Exchange> {
  readonly #exchanges: Exchange[] = [];

  get size(): number {
    return this.#exchanges.length;
  }

  add(exchange: Exchange): void {
    exchange.place = this.#exchanges.length;
    this.#exchanges.push(exchange);
  }

  /** The last one takes its place. */
  remove(exchange: Exchange): void {
    const last = this.#exchanges.pop();
    if (last === undefined || last === exchange) return;
    this.#exchanges[exchange.place] = last;
    last.place = exchange.place;
  }

  /** Over a copy: who is broken off leaves the list meanwhile. */
  [Symbol.iterator](): Iterator<Exchange> {
    return [...this.#exchanges].values();
  }
}
