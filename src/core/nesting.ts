// How deep JSON goes, by its text alone: parsers are patient with depth, but what writes a value again
// recurses, and ends in an overflow. It validates nothing.

/** Parsers behind us recurse; none of the APIs comes near this. */
export const MAX_JSON_DEPTH = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Holds for text that JSON.parse accepts; of other text it may say either. */
export function isTooDeep(text: string, most = MAX_JSON_DEPTH): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) isText = !isText;
    else if (isText) at += char === BACKSLASH ? 1 : 0;
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth += 1;
      if (depth > most) return true;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth -= 1;
  }
  return false;
}
