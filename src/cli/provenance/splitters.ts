// Cuts a file's bytes into the texts of its records, each with the line at which it begins, in bounded
// memory: a line each, or the elements of a JSON array, or one value over several lines. Whether a text
// is a record is not judged here.

/** A piece of a file; `fault` says why there is no text. */
export interface Piece {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly fault?: string;
}

export interface Splitter {
  push(bytes: Buffer): readonly Piece[];
  /** What is left at the end of the file. */
  end(): readonly Piece[];
}

/** A longer text is no record, and is not kept to be looked at. */
export const MOST_BYTES = 1_048_576;
const TOO_LONG = `is longer than ${MOST_BYTES} bytes`;
const [NEWLINE, QUOTE, BACKSLASH, COMMA] = [0x0a, 0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** One text a line; empty lines are none. */
export class LineSplitter implements Splitter {
  #rest: Buffer = Buffer.alloc(0);
  #line = 1;
  #isSkipping = false;

  push(bytes: Buffer): readonly Piece[] {
    const pieces: Piece[] = [];
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      pieces.push(...this.#take(bytes.subarray(from, at)));
      this.#line += 1;
      from = at + 1;
    }
    this.#keep(bytes.subarray(from));
    return pieces;
  }

  end(): readonly Piece[] {
    return this.#take(Buffer.alloc(0));
  }

  #keep(bytes: Buffer): void {
    this.#isSkipping ||= this.#rest.length + bytes.length > MOST_BYTES;
    this.#rest = this.#isSkipping ? Buffer.alloc(0) : Buffer.concat([this.#rest, bytes]);
  }

  #take(bytes: Buffer): readonly Piece[] {
    this.#keep(bytes);
    const [line, fault] = [this.#line, this.#isSkipping ? TOO_LONG : undefined];
    const text = this.#rest.toString().trim();
    this.#rest = Buffer.alloc(0);
    this.#isSkipping = false;
    if (fault !== undefined) return [{ line, text: '', fault }];
    return text === '' ? [] : [{ line, text }];
  }
}

/** The values of a JSON array, or those that stand one after another, wherever their lines end. */
export class ValueSplitter implements Splitter {
  /** Depth at which values begin: 1 inside of an array. */
  readonly #base: 0 | 1;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #line = 1;
  #startLine = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #isBroken = false;

  constructor(isArray: boolean) {
    this.#base = isArray ? 1 : 0;
  }

  push(bytes: Buffer): readonly Piece[] {
    const pieces: Piece[] = [];
    let from = this.#startLine > 0 ? 0 : -1;
    for (let at = 0; at < bytes.length && !this.#isBroken; at += 1) {
      const byte = bytes[at] as number;
      if (byte === NEWLINE) this.#line += 1;
      if (from < 0) {
        if (!this.#begins(byte)) continue;
        from = at;
        this.#startLine = this.#line;
      }
      const ends = this.#step(byte);
      if (ends === 'no') continue;
      pieces.push(this.#take(bytes.subarray(from, ends === 'after' ? at + 1 : at)));
      from = -1;
    }
    if (from >= 0 && !this.#isBroken) pieces.push(...this.#keep(bytes.subarray(from)));
    return pieces;
  }

  end(): readonly Piece[] {
    if (this.#isBroken) return [];
    if (this.#startLine > 0) return [this.#take(Buffer.alloc(0))];
    return this.#depth > 0 ? [{ line: this.#line, text: '', fault: 'the array has no end' }] : [];
  }

  /** Whether a value begins here; what lies between values is looked at only for the array's ends. */
  #begins(byte: number): boolean {
    if (isSpace(byte) || byte === COMMA) return false;
    if (this.#base === 0) return true;
    if (this.#depth === 0 && byte === OPEN_LIST) this.#depth = 1;
    else if (this.#depth === 1 && byte === CLOSE_LIST) this.#depth = 0;
    else return true;
    return false;
  }

  #step(byte: number): 'no' | 'before' | 'after' {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
      return 'no';
    }
    if (byte === QUOTE) this.#isInString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      this.#depth -= 1;
      // The end of the array, right behind a bare word.
      if (this.#depth < this.#base) return this.#close();
      if (this.#depth === this.#base) return 'after';
    } else if (this.#depth <= this.#base && (byte === COMMA || isSpace(byte))) return 'before';
    return 'no';
  }

  #close(): 'before' {
    this.#depth = 0;
    return 'before';
  }

  #keep(bytes: Buffer): readonly Piece[] {
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#keptBytes <= MOST_BYTES) return [];
    // Where the next value begins cannot be told: a bracket may be missing.
    this.#isBroken = true;
    this.#kept = [];
    return [{ line: this.#startLine, text: '', fault: `${TOO_LONG}; the rest is not read` }];
  }

  #take(bytes: Buffer): Piece {
    const text = Buffer.concat([...this.#kept, bytes]).toString();
    const line = this.#startLine;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#startLine = 0;
    return { line, text };
  }
}
