// The exchanges that run now. A Set would do, but under load its removed entries kept requests alive
// until a full collection (perhaps since V8 links a Set's old tables to its new ones).
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
