// Walks the text of a JSON object once, before it is parsed: how deep it goes, how many keys its
// outermost object has, and where the value of `model` stands. It does not validate: what it says
// holds for text that JSON.parse accepts.
import { AppError } from '../core/errors.ts';
import { MAX_JSON_DEPTH } from '../core/nesting.ts';

export interface ObjectScan {
  /** Keys of the outermost object, repeated ones counted each time. */
  readonly keys: number;
  /** Where the string that is the value of the outermost `model` begins and ends, with its quotes. */
  readonly model: { readonly start: number; readonly end: number } | undefined;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Throws `invalid_params` for text that is nested too deeply. */
export function scanObject(text: string): ObjectScan {
  let depth = 0;
  let keys = 0;
  let keyNext = false;
  let afterModel = false;
  let model: ObjectScan['model'];
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      const end = endOfString(text, at);
      if (depth === 1) {
        if (keyNext) {
          keys += 1;
          afterModel = end - at === 7 && text.startsWith('"model"', at);
        } else if (afterModel) model = { start: at, end };
        keyNext = false;
      }
      at = end - 1;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth += 1;
      if (depth === 1) keyNext = char === OPEN_BRACE;
      if (depth > MAX_JSON_DEPTH) {
        throw new AppError(
          'invalid_params',
          `The body is nested deeper than ${MAX_JSON_DEPTH} levels.`,
        );
      }
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth -= 1;
    else if (char === COMMA && depth === 1) {
      keyNext = true;
      afterModel = false;
    }
  }
  return { keys, model };
}

/** Index after the quote that ends the string which begins at `start`. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}
