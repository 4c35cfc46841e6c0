// Templates that take texts apart: `{}:{}:{run}` stands for three parts with colons between them, of
// which one is named. Not regular expressions: a text is walked once, whatever anybody writes into
// either, so neither a configuration nor a caller can make it slow.

export interface Template {
  /** The texts before, between and behind the placeholders: one more than there are placeholders. */
  readonly literals: readonly string[];
  /** Which placeholder is the named one. */
  readonly named: number;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;

/** Why `text` is no template with one `{name}`, in words for its author; undefined when it is one. */
export function templateFault(text: string, name: string): string | undefined {
  const names = [...text.matchAll(PLACEHOLDER)].map(([, found = '']) => found);
  const literals = literalsOf(text);
  if (names.filter((found) => found === name).length !== 1) return `must contain {${name}} once`;
  if (names.some((found) => found !== name && found !== '')) {
    return `may contain {} and {${name}}, no other {…}`;
  }
  if (literals.some((literal) => /[{}]/.test(literal))) return 'has a brace without its partner';
  if (literals.slice(1, -1).includes('')) return 'needs a separator between two placeholders';
  return undefined;
}

/** For text without a fault. */
export function readTemplate(text: string, name: string): Template {
  const names = [...text.matchAll(PLACEHOLDER)].map(([, found]) => found);
  return { literals: literalsOf(text), named: names.indexOf(name) };
}

function literalsOf(text: string): readonly string[] {
  return text.split(/\{[^{}]*\}/);
}

/**
 * The named part of `text`, or undefined where it does not have the template's form. A part is not
 * empty and ends where the separator behind it first occurs, so a text with a separator too many
 * does not fit.
 */
export function namedPart({ literals, named }: Template, text: string): string | undefined {
  const [first = '', ...behind] = literals;
  if (!text.startsWith(first)) return undefined;
  let from = first.length;
  let found: string | undefined;
  for (const [at, literal] of behind.entries()) {
    const isLast = at === behind.length - 1;
    const end = isLast
      ? endOfLast(text, literal, from, literals[at] ?? '')
      : text.indexOf(literal, from);
    if (end <= from) return undefined;
    if (at === named) found = text.slice(from, end);
    from = end + literal.length;
  }
  return found;
}

/** The last part goes on to the last literal; -1 where that is not the text's end. */
function endOfLast(text: string, literal: string, from: number, before: string): number {
  const end = literal === '' ? text.length : text.indexOf(literal, from);
  if (end + literal.length !== text.length) return -1;
  const isTooLong = before !== '' && text.slice(from, end).includes(before);
  return isTooLong ? -1 : end;
}
