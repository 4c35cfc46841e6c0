// How many tokens a text has, in a time that its author cannot stretch: a tokenizer takes the square
// of the length of a word, so endless words are cut; and beyond a bound the rest is not looked at.

/** Tokens of one text by a vocabulary. */
export type Encode = (text: string) => number;

/**
 * Beyond it a run without a space (or of spaces) is cut: a cut costs a token at most. No code unit of
 * a pair is torn off: the tokenizer would count it for three.
 */
const LONG_RUN = /\S{256}(?=\S)|\s{256}(?=\s)/gu;

export class TextCount {
  readonly #encode: Encode;
  /** Characters that may still be counted exactly. */
  #left: number;
  #characters = 0;
  #tokens = 0;
  #wasCut = false;

  constructor(encode: Encode, exactCharacters: number) {
    this.#encode = encode;
    this.#left = exactCharacters;
  }

  /** Whether some of it was not looked at. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** What is beyond the bound counts as what came before it. */
  count(text: string): number {
    const exact = text.length > this.#left ? text.slice(0, this.#left) : text;
    const tokens = this.#exactly(exact);
    this.#left -= exact.length;
    this.#characters += exact.length;
    this.#tokens += tokens;
    if (exact.length === text.length) return tokens;
    this.#wasCut = true;
    const share = this.#characters === 0 ? 1 : this.#tokens / this.#characters;
    return tokens + Math.ceil((text.length - exact.length) * share);
  }

  #exactly(text: string): number {
    let tokens = 0;
    let from = 0;
    for (const { 0: run, index } of text.matchAll(LONG_RUN)) {
      const to = index + run.length;
      tokens += this.#encode(text.slice(from, to));
      from = to;
    }
    return tokens + (from < text.length ? this.#encode(text.slice(from)) : 0);
  }
}
