// An answer that is kept back until it is decided whether its client shall see it: the chunks as they
// came, by reference, up to a bound. It judges nothing and writes nothing.

/** Larger than any error that a provider sends; what is longer goes through as it comes. */
const MAX_HELD_BYTES = 64 * 1024;

export class Held {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** Whether there was room for all of it. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes <= MAX_HELD_BYTES;
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
