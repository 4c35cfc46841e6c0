// Puts messages into the text of a chat request, before its own and behind its leading instructions.
// The rest of the text stays as its caller wrote it: numbers are not rounded, nothing is reordered.
import { AppError } from '../core/errors.ts';
import { endOfString } from './json-scan.ts';

/** `text` has passed readAsked(), so it is an object without repeated fields. */
export function spliceMessages(
  text: string,
  own: readonly unknown[],
  added: readonly unknown[],
): string {
  const places = elementsOfMessages(text);
  if (places === undefined || places.starts.length !== own.length) {
    throw new AppError('invalid_params', 'Give the conversation’s new messages as `messages`.', {
      param: 'messages',
    });
  }
  if (added.length === 0) return text;
  const leading = own.findIndex((message) => !isInstruction(message));
  const list = added.map((message) => JSON.stringify(message)).join(',');
  const at = leading < 0 ? places.end : (places.starts[leading] ?? places.end);
  const isLast = at === places.end;
  const words = isLast ? `${own.length > 0 ? ',' : ''}${list}` : `${list},`;
  return text.slice(0, at) + words + text.slice(at);
}

function isInstruction(message: unknown): boolean {
  const { role } = (message ?? {}) as { readonly role?: unknown };
  return role === 'system' || role === 'developer';
}

interface Places {
  /** Where each element begins. */
  readonly starts: readonly number[];
  /** Where the array's bracket closes. */
  readonly end: number;
}

/** Of the array that is the value of the outermost `messages`. */
function elementsOfMessages(text: string): Places | undefined {
  let depth = 0;
  let isKey = false;
  let isNamed = false;
  let starts: number[] | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (isSpace(char) || char === ':') continue;
    if (char === ',') {
      if (depth === 1) [isKey, isNamed] = [true, false];
      continue;
    }
    if (char === ']' || char === '}') {
      depth -= 1;
      if (starts !== undefined && depth === 1) return { starts, end: at };
      continue;
    }
    if (starts !== undefined && depth === 2 && isFirstOf(text, at)) starts.push(at);
    if (char === '"') {
      const end = endOfString(text, at);
      if (depth === 1 && isKey) isNamed = text.slice(at, end) === '"messages"';
      if (depth === 1) isKey = false;
      at = end - 1;
    } else if (char === '{' || char === '[') {
      if (depth === 1 && isNamed && char === '[') starts ??= [];
      depth += 1;
      if (depth === 1) isKey = true;
    }
  }
  return undefined;
}

/** Whether an element begins here: numbers and words have more characters. */
function isFirstOf(text: string, at: number): boolean {
  let before = at - 1;
  while (isSpace(text[before] ?? '')) before -= 1;
  return text[before] === '[' || text[before] === ',';
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t';
}
