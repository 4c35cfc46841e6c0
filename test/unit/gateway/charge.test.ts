// What a request is charged: its size by its fields, the reserve at the acquire, the settlement.
import { describe, expect, it } from 'vitest';
import type { TargetConfig } from '../../../src/config/schema.ts';
import { AppError } from '../../../src/core/errors.ts';
import type { Price } from '../../../src/costs/price.ts';
import { chargeOf, settlementOf, type ChargeRules } from '../../../src/gateway/charge.ts';
import { missingFields } from '../../../src/gateway/defaults.ts';
import { sizeOfFields } from '../../../src/gateway/size.ts';

/** Ten a million for input, `output` a million for output, in micro-units a token. */
function aPrice(output: number): Price {
  return { inputMicro: 10_000_000, outputMicro: output * 1_000_000, cachedInputMicro: 1_000_000 };
}

function rules(prices: Readonly<Record<string, Price>>): ChargeRules {
  const table = { priceOf: ({ pool }: { pool: string }) => prices[pool], unpriced: [] };
  return { prices: table, defaultOutputTokens: 100 };
}

const CHEAP: TargetConfig = { pool: 'cheap', model: 'm' };
const DEAR: TargetConfig = { pool: 'dear', model: 'm' };
const SIZE = { characters: 40, attachments: 0, answers: 1, outputLimit: undefined };

describe('the size of a request', () => {
  it('is the characters of its texts, wherever they stand', () => {
    const fields = { model: 'gpt', messages: [{ role: 'user', content: 'four' }] };

    const size = sizeOfFields(fields, 'chat');

    const words = ['gpt', 'role', 'user', 'content', 'four'];
    expect(size).toEqual({ ...SIZE, characters: words.join('').length });
  });

  it('counts a picture as a picture, not by its bytes', () => {
    const bytes = 'A'.repeat(100_000);
    const source = { type: 'base64', media_type: 'image/png', data: bytes };
    const content = [{ type: 'image_url', image_url: { url: `data:image/png;base64,${bytes}` } }];

    const size = sizeOfFields({ messages: [{ content }, { content: [{ source }] }] }, 'chat');

    expect(size.attachments).toBe(2);
    expect(size.characters).toBeLessThan(200);
  });

  it('counts tokens of an embedding that come as numbers', () => {
    expect(sizeOfFields({ input: [1, 2, 3] }, 'embeddings').characters).toBe(12);
  });

  it.each([
    [{ max_tokens: 5 }, 'chat', 1, 5],
    [{ max_completion_tokens: 7, n: 3 }, 'chat', 3, 7],
    [{ max_tokens: 5, best_of: 4 }, 'completions', 4, 5],
    [{ max_output_tokens: null }, 'responses', 1, undefined],
    [{ max_tokens: '5' }, 'messages', 1, 5],
    [{ n: 2 }, 'embeddings', 0, undefined],
  ] as const)(
    'knows the answers and their limit: %j for %s',
    (fields, endpoint, answers, limit) => {
      expect(sizeOfFields(fields, endpoint)).toMatchObject({ answers, outputLimit: limit });
    },
  );
});

describe('a charge', () => {
  it('reserves for the dearest target, which may be the one that is granted', () => {
    const charge = chargeOf(SIZE, [CHEAP, DEAR], rules({ cheap: aPrice(1), dear: aPrice(5) }));

    expect(charge.reserveMicro).toBe(10 * 10 + 100 * 5);
    expect(charge.tokens).toBe(110);
  });

  it('takes the limit that a target’s defaults set for callers who set none', () => {
    const limited = { ...CHEAP, defaults: { max_tokens: 30 } };

    const asDefault = chargeOf(SIZE, [limited], rules({ cheap: aPrice(1) }));
    const asAsked = chargeOf({ ...SIZE, outputLimit: 8 }, [limited], rules({ cheap: aPrice(1) }));

    expect([asDefault.tokens, asAsked.tokens]).toEqual([40, 18]);
  });

  it('leaves out targets without a price', () => {
    const charge = chargeOf(SIZE, [CHEAP, DEAR], rules({ cheap: aPrice(1) }));

    expect(charge.targets).toEqual([CHEAP]);
  });

  it('is refused when no target has a price', () => {
    const refused = (): unknown => chargeOf(SIZE, [CHEAP], rules({}));

    expect(refused).toThrow(AppError);
    expect(refused).toThrow('budget.unpriced');
  });

  it('without a budget reserves nothing, and tokens all the same', () => {
    const charge = chargeOf(SIZE, [CHEAP], { prices: undefined, defaultOutputTokens: 100 });

    expect(charge).toMatchObject({ reserveMicro: undefined, tokens: 110 });
  });
});

describe('a settlement', () => {
  it('is at the price of the target that was granted', () => {
    const prices = rules({ cheap: aPrice(1), dear: aPrice(5) });
    const charge = chargeOf(SIZE, [CHEAP, DEAR], prices);
    const usage = { inputTokens: 20, outputTokens: 3, cachedInputTokens: 10 };

    const settled = settlementOf(
      { usage, isAnswered: true, bytes: 500 },
      { charge, target: CHEAP, rules: prices },
    );

    expect(settled).toEqual({ tokens: 23, costMicro: 10 * 10 + 10 * 1 + 3 * 1 });
  });

  it('without a budget has tokens and no cost', () => {
    const none: ChargeRules = { prices: undefined, defaultOutputTokens: 100 };
    const charge = chargeOf(SIZE, [CHEAP], none);

    const settled = settlementOf(
      { usage: undefined, isAnswered: true, bytes: 40 },
      { charge, target: CHEAP, rules: none },
    );

    expect(settled).toEqual({ tokens: 20, costMicro: undefined });
  });
});

describe('the defaults of a target', () => {
  it('fill in what the caller left out, and nothing else', () => {
    const defaults = { temperature: 0.2, seed: 1 };

    expect(missingFields(['model', 'seed'], defaults)).toEqual([['temperature', 0.2]]);
  });

  it('set no second limit beside the caller’s own', () => {
    const defaults = { max_tokens: 10, top_p: 1 };

    const missing = missingFields(['model', 'max_completion_tokens'], defaults);

    expect(missing).toEqual([['top_p', 1]]);
  });
});
