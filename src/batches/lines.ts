// Lines of a file, from bytes as they come. A line ends with LF, CR before it is not part of it; blank
// ones are passed over, but they count, so that a number is what an editor shows.

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

const LF = 0x0a;

export async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(LF); end >= 0; end = piece.indexOf(LF, from)) {
      parts.push(piece.subarray(from, end));
      from = end + 1;
      number += 1;
      const text = textOf(parts);
      parts = [];
      if (text !== '') yield { number, text };
    }
    if (from < piece.length) parts.push(piece.subarray(from));
  }
  const last = textOf(parts);
  if (last !== '') yield { number: number + 1, text: last };
}

function textOf(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString('utf8').trim();
}

export interface LineBounds {
  readonly maxLines: number;
  readonly maxLineBytes: number;
}

export type LineFault =
  | { readonly kind: 'too_long'; readonly line: number }
  | { readonly kind: 'too_many'; readonly line: number };

/** Measures lines while their bytes pass; keeps none of them. */
export class LineMeter {
  readonly #bounds: LineBounds;
  #lines = 0;
  #bytes = 0;

  constructor(bounds: LineBounds) {
    this.#bounds = bounds;
  }

  /** Lines that have begun. */
  get lines(): number {
    return this.#lines + (this.#bytes > 0 ? 1 : 0);
  }

  /** The first fault, as soon as it shows. */
  take(piece: Buffer): LineFault | undefined {
    let from = 0;
    for (let end = piece.indexOf(LF); end >= 0; end = piece.indexOf(LF, from)) {
      const fault = this.#add(end - from);
      if (fault !== undefined) return fault;
      this.#lines += 1;
      this.#bytes = 0;
      from = end + 1;
    }
    return this.#add(piece.length - from);
  }

  #add(bytes: number): LineFault | undefined {
    const { maxLines, maxLineBytes } = this.#bounds;
    this.#bytes += bytes;
    const line = this.#lines + 1;
    if (this.#bytes > maxLineBytes) return { kind: 'too_long', line };
    return this.#bytes > 0 && line > maxLines ? { kind: 'too_many', line } : undefined;
  }
}
