// The token counts that an answer reports about itself, taken from its last bytes: every dialect
// says them near the end, plain or streamed. No answer is ever parsed whole for them.

/** Tokens as the upstream counted them; what it did not say is undefined. */
export interface Usage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** A part of the input tokens. */
  readonly cachedInputTokens: number | undefined;
}

/** Enough for the usage and what may follow it (metadata of a response, the stream's last line). */
const TAIL_BYTES = 4096;
/** Many small chunks cost more in objects than in bytes: they are joined. */
const MAX_PIECES = 8;

/** The last bytes of an answer, at least 4 KiB of them where there are so many. */
export class Tail {
  #pieces: Buffer[] = [];
  #bytes = 0;

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    let first = this.#pieces[0];
    while (first !== undefined && this.#bytes - first.length >= TAIL_BYTES) {
      this.#pieces.shift();
      this.#bytes -= first.length;
      first = this.#pieces[0];
    }
    if (this.#pieces.length > MAX_PIECES) this.#join();
  }

  #join(): void {
    const joined = this.read().subarray(-TAIL_BYTES);
    this.#pieces = [joined];
    this.#bytes = joined.length;
  }

  read(): Buffer {
    return this.#pieces.length === 1 && this.#pieces[0] !== undefined
      ? this.#pieces[0]
      : Buffer.concat(this.#pieces);
  }
}

/** In JSON text a quote inside of a string is escaped, so this is always a field's name. */
const FIELD = '"usage":';
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The last usage that is told in `tail`, or undefined. Never throws. */
export function usageIn(tail: Buffer): Usage | undefined {
  const text = tail.toString('latin1', Math.max(0, tail.length - TAIL_BYTES));
  for (let at = text.lastIndexOf(FIELD); at >= 0; at = text.lastIndexOf(FIELD, at - 1)) {
    const usage = parseUsage(text, at + FIELD.length);
    if (usage !== undefined) return usage;
    if (at === 0) break;
  }
  return undefined;
}

function parseUsage(text: string, from: number): Usage | undefined {
  const open = text.slice(from, from + 8).trimStart();
  if (!open.startsWith('{')) return undefined;
  try {
    return readUsage(JSON.parse(text.slice(from, endOfObject(text, from))));
  } catch {
    return undefined;
  }
}

/** Index after the brace that closes the first one; usage holds numbers and plain words only. */
function endOfObject(text: string, from: number): number {
  let depth = 0;
  for (let at = text.indexOf('{', from); at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === OPEN_BRACE) depth += 1;
    else if (char === CLOSE_BRACE && (depth -= 1) === 0) return at + 1;
  }
  return text.length;
}

type Fields = Readonly<Record<string, unknown>>;

function readUsage(value: unknown): Usage | undefined {
  const fields = value as Fields;
  const details = (fields['prompt_tokens_details'] ??
    fields['input_tokens_details'] ??
    {}) as Fields;
  const apart = {
    read: count(fields['cache_read_input_tokens']),
    written: count(fields['cache_creation_input_tokens']),
  };
  const input = count(fields['prompt_tokens'] ?? fields['input_tokens']);
  const usage = {
    // Anthropic counts what its cache has read or written beside the input, others within it.
    inputTokens: input === undefined ? undefined : input + (apart.read ?? 0) + (apart.written ?? 0),
    outputTokens: count(fields['completion_tokens'] ?? fields['output_tokens']),
    cachedInputTokens: count(details['cached_tokens']) ?? apart.read,
  };
  return usage.inputTokens === undefined && usage.outputTokens === undefined ? undefined : usage;
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
