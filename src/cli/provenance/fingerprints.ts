// Which input hashes a source has shown already, in 16 to 32 bytes each: 64 bits of each hash, in open
// addressing. Among ten million hashes, two share their bits once in 400,000 sources.

const FIRST_PLACES = 1 << 12;
const MOST_PART = 0.5;

export class Fingerprints {
  /** High and low half in turn; two zeros are a free place. */
  #table = new Uint32Array(2 * FIRST_PLACES);
  #size = 0;

  /** Whether it was new. `hash`: 64 digits of hex. */
  add(hash: string): boolean {
    if (this.#size >= (this.#table.length / 2) * MOST_PART) this.#grow();
    const low = Number.parseInt(hash.slice(8, 16), 16) || 1;
    const isNew = put(this.#table, Number.parseInt(hash.slice(0, 8), 16), low);
    if (isNew) this.#size += 1;
    return isNew;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      const [high, low] = [old[at] as number, old[at + 1] as number];
      if (low !== 0) put(this.#table, high, low);
    }
  }
}

function put(table: Uint32Array, high: number, low: number): boolean {
  const mask = table.length / 2 - 1;
  for (let place = low & mask; ; place = (place + 1) & mask) {
    const [foundHigh, foundLow] = [table[2 * place], table[2 * place + 1]];
    if (foundLow === low && foundHigh === high) return false;
    if (foundLow !== 0) continue;
    table[2 * place] = high;
    table[2 * place + 1] = low;
    return true;
  }
}
