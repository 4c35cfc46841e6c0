// A strict reading of multipart/form-data from a stream: fields in their order, each one's bytes as
// they come, so that a file is never whole in memory. What gateway/multipart.ts refuses is refused.
import { AppError } from '../core/errors.ts';
import { boundaryOf, malformed, parseHead } from '../gateway/multipart.ts';

export interface StreamedField {
  readonly name: string;
  readonly isFile: boolean;
  readonly fileName: string | undefined;
  /** To be read to its end before the next field is asked for. */
  readonly pieces: AsyncGenerator<Buffer>;
}

const MAX_FIELDS = 50;
const MAX_HEAD_BYTES = 4096;
const FILE_NAME = /;[ ]?filename="((?:[^"\\\r\n]|\\.)*)"/i;

/** Rejects with `invalid_request`. The stream is read to its end, but never destroyed. */
export async function* formFields(
  stream: AsyncIterable<Buffer>,
  contentType: string,
): AsyncGenerator<StreamedField> {
  const boundary = boundaryOf(contentType);
  const reader = new Reader(stream[Symbol.asyncIterator]());
  // With a line break before it the first boundary is like all others.
  reader.unread(Buffer.from('\r\n'));
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  if (!(await reader.startsWith(delimiter))) throw malformed('it does not begin with its boundary');
  for (let fields = 0; ; fields += 1) {
    const mark = await reader.exactly(2);
    if (mark === '--') break;
    if (mark !== '\r\n') throw malformed('a boundary is followed by other bytes');
    if (fields === MAX_FIELDS) throw malformed('it has too many parts');
    const head = await reader.until(Buffer.from('\r\n\r\n'), MAX_HEAD_BYTES);
    const pieces = reader.pieces(delimiter);
    yield { ...parseHead(head), fileName: FILE_NAME.exec(head)?.[1], pieces };
    while ((await pieces.next()).done !== true);
  }
  const rest = await reader.rest(2);
  if (rest !== '' && rest !== '\r\n') throw malformed('something follows its last boundary');
}

/** A field that is a word. Rejects where it is longer than `maxBytes`. */
export async function textOfField(field: StreamedField, maxBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of field.pieces) {
    bytes += piece.length;
    if (bytes > maxBytes) {
      throw new AppError('invalid_request', `The field ${field.name} is too long.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Looks for marks in bytes that come in pieces. */
class Reader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor(source: AsyncIterator<Buffer>) {
    this.#source = source;
  }

  unread(piece: Buffer): void {
    this.#held = Buffer.concat([piece, this.#held]);
  }

  async startsWith(mark: Buffer): Promise<boolean> {
    await this.#hold(mark.length);
    if (!this.#held.subarray(0, mark.length).equals(mark)) return false;
    this.#held = this.#held.subarray(mark.length);
    return true;
  }

  async exactly(bytes: number): Promise<string> {
    await this.#hold(bytes);
    if (this.#held.length < bytes) throw malformed('its last boundary is missing');
    const text = this.#held.toString('latin1', 0, bytes);
    this.#held = this.#held.subarray(bytes);
    return text;
  }

  /** What stands before the mark, which is passed. */
  async until(mark: Buffer, most: number): Promise<string> {
    let at = this.#held.indexOf(mark);
    while (at < 0 && this.#held.length <= most && (await this.#more())) {
      at = this.#held.indexOf(mark);
    }
    if (at < 0 || at > most) throw malformed('a part has no proper head');
    const text = this.#held.toString('utf8', 0, at);
    this.#held = this.#held.subarray(at + mark.length);
    return text;
  }

  /** The bytes before the mark, which is passed. */
  async *pieces(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        const last = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        if (last.length > 0) yield last;
        return;
      }
      // The mark may have begun in what is held.
      const sure = Math.max(0, this.#held.length - mark.length + 1);
      const piece = this.#held.subarray(0, sure);
      this.#held = this.#held.subarray(sure);
      if (piece.length > 0) yield piece;
      if (!(await this.#more())) throw malformed('its last boundary is missing');
    }
  }

  /** What is left, of which no more than `most` bytes and one are kept. */
  async rest(most: number): Promise<string> {
    do this.#held = this.#held.subarray(0, most + 1);
    while (await this.#more());
    return this.#held.toString('latin1', 0, most + 1);
  }

  async #hold(bytes: number): Promise<void> {
    while (this.#held.length < bytes && (await this.#more()));
  }

  async #more(): Promise<boolean> {
    if (this.#isOver) return false;
    const next = await this.#source.next();
    if (next.done === true) this.#isOver = true;
    else
      this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    return !this.#isOver;
  }
}
