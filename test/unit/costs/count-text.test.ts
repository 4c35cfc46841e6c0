// Counting tokens: texts of many languages beside the tokenizer itself, and texts that would take it
// for ever.
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { modelToEncodingMap } from 'gpt-tokenizer/mapping';
import { describe, expect, it } from 'vitest';
import { TextCount } from '../../../src/costs/count-text.ts';
import { encodingOf } from '../../../src/costs/encodings.ts';
import { guessTokens } from '../../../src/costs/guess.ts';
import { LANGUAGES } from '../../../bench/mix/texts.ts';

const PLAIN = { disallowedSpecial: new Set<string>() };
const encode = (text: string): number => countTokens(text, PLAIN);
const TEXTS = Object.entries(LANGUAGES).map(
  ([language, texts]) => [language, texts.join(' ')] as const,
);

function counted(text: string, exactCharacters = 200_000) {
  const texts = new TextCount(encode, exactCharacters);
  const tokens = texts.count(text);
  return { tokens, wasCut: texts.wasCut };
}

describe('a text', () => {
  it.each(TEXTS)('in %s counts as the tokenizer says', (_, text) => {
    expect(counted(text)).toEqual({ tokens: encode(text), wasCut: false });
  });

  it('may hold the words of special tokens: they are plain text', () => {
    expect(counted('<|endoftext|> and <|im_start|>').tokens).toBeGreaterThan(8);
  });

  it.each([
    ['letters', 'a'.repeat(50_000)],
    ['ideographs', '漢'.repeat(50_000)],
    ['spaces', ' '.repeat(50_000)],
    ['marks', '!?'.repeat(25_000)],
    ['pairs', '😀'.repeat(25_000)],
  ])('of %s without end takes no longer than others', (_, text) => {
    const startMs = performance.now();

    const { tokens } = counted(text);

    // The tokenizer alone takes the square of the length: minutes.
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect(tokens).toBeGreaterThan(100);
  });

  it('that is cut between two words of a pair loses nothing', () => {
    const text = `a${'😀'.repeat(2000)}`;

    expect(counted(text).tokens / encode(text)).toBeCloseTo(1, 1);
  });

  it('beyond the bound counts as what came before it', () => {
    const [, english] = TEXTS[0]!;
    const text = `${english} `.repeat(40);

    const { tokens, wasCut } = counted(text, english.length * 2);

    expect(wasCut).toBe(true);
    expect(Math.abs(tokens - encode(text)) / encode(text)).toBeLessThan(0.05);
  });
});

describe('a guess', () => {
  it.each(TEXTS)('in %s is off by less than a third', (_, text) => {
    const exact = encode(text);

    const guess = guessTokens(Buffer.from(text), text.length);

    expect(Math.abs(guess - exact) / exact).toBeLessThan(0.34);
  });

  it('knows letters that are spelled by their numbers', () => {
    const text = LANGUAGES.chinese.join('');
    const spelled = Array.from(text, (one) => {
      return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });

    const guess = guessTokens(Buffer.from(spelled.join('')), text.length);

    expect(guess).toBe(guessTokens(Buffer.from(text), text.length));
  });

  it('of a large text looks at some of it', () => {
    const text = `${LANGUAGES.russian.join(' ')} `.repeat(400);

    const guess = guessTokens(Buffer.from(text), text.length);

    expect(guess / (encode(text.slice(0, 10_000)) * (text.length / 10_000))).toBeCloseTo(1, 0);
  });
});

describe('a model', () => {
  it('has the vocabulary that the tokenizer’s own list gives it', () => {
    const kinds = ['gpt-4', 'gpt-3.5', 'text-embedding', 'o1', 'o3', 'o4', 'gpt-5', 'chatgpt'];
    const known = Object.entries(modelToEncodingMap).filter(([model]) => {
      return kinds.some((kind) => model.startsWith(kind));
    });

    const wrong = known.filter(([model, encoding]) => encodingOf(model).encoding !== encoding);

    expect(known.length).toBeGreaterThan(15);
    expect(wrong).toEqual([]);
  });

  it.each(['claude-sonnet-4', 'mistral-large', 'meta/llama-3'])(
    'of another vendor is counted with the default, and said to be not exact: %s',
    (model) => {
      expect(encodingOf(model)).toEqual({ encoding: 'o200k_base', isExact: false });
    },
  );
});
