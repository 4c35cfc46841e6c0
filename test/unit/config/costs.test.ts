// Budget, prices, runs and defaults of routes: from a file's text to what the product counts with.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

const POOLS = `
pools:
  p: { baseUrl: "http://x/v1", models: [m, n], accounts: [{ name: a, maxConcurrency: 1 }] }
`;

function parse(text: string) {
  return parseConfig(`${POOLS}${text}`, { source: 'test.yaml', env: {} });
}

describe('a budget', () => {
  it('that is absent is off', () => {
    expect(parse('').budget).toBeUndefined();
  });

  it('has its thresholds, its currency and its period by default', () => {
    expect(parse('budget: { usdRate: 0.92 }').budget).toEqual({
      currency: 'EUR',
      timeZone: 'UTC',
      usdRateMicro: 920_000,
      global: { warnMicro: 20_000_000, stopMicro: 25_000_000, period: 'month' },
      unpriced: 'refuse',
      defaultOutputTokens: 1024,
    });
  });

  it('in dollars needs no rate', () => {
    expect(parse('budget: { currency: USD }').budget).toMatchObject({ usdRateMicro: 1_000_000 });
  });

  it('with prices for all models needs none either', () => {
    const prices = 'prices: { m: { input: 1, output: 1 }, p/n: { input: 1, output: 1 } }';

    expect(parse(`budget: {}\n${prices}`).budget).toMatchObject({ usdRateMicro: undefined });
  });

  it.each([
    ['{}', 'budget.usdRate: is missing: without a price of its own (m)'],
    ['{ usdRate: 0 }', 'budget.usdRate: must be above 0'],
    ['{ usdRate: 1, currency: EURO }', 'budget.currency: use an ISO 4217 code'],
    ['{ usdRate: 1, timeZone: Mars/Base }', 'budget.timeZone: use an IANA time zone'],
    ['{ usdRate: 1, timeZone: "+02:00" }', 'budget.timeZone: use an IANA time zone'],
    ['{ usdRate: 1, global: { warn: 26 } }', 'budget.global.warn: is above stop'],
    ['{ usdRate: 1, global: { stop: 10 } }', 'warn is 20 and stop is 10'],
    ['{ usdRate: 1, global: { stop: 30.0000001 } }', 'budget.global.stop: give at most six'],
    ['{ usdRate: 1, global: { period: week } }', 'must be one of: none, day, month'],
  ])('is refused with its reason: %s', (text, fault) => {
    expect(() => parse(`budget: ${text}`)).toThrow(fault);
  });

  it('tells all its faults at once', () => {
    const text = 'budget: { currency: X, global: { warn: 9, stop: 8 } }';

    const names = [/currency/, /global\.warn/, /usdRate/];
    for (const name of names) expect(() => parse(text)).toThrow(name);
  });
});

describe('runs', () => {
  it.each([
    ['{ sessionPattern: "{}:{}" }', 'runs.sessionPattern: must contain {run} once'],
    ['{ sessionFrom: [cookie] }', 'runs.sessionFrom[0]: must be one of: header, user'],
  ])('are refused with their reason: %s', (text, fault) => {
    expect(() => parse(`runs: ${text}`)).toThrow(fault);
  });
});

describe('the defaults of a route', () => {
  it('reach its targets, whose own go before them', () => {
    const route = `routes:
  deep:
    defaults: { temperature: 0.2, max_tokens: 100 }
    targets:
      - { pool: p, model: m, defaults: { temperature: 0, stop: [END] } }
      - { pool: p, model: n }
`;

    const targets = parse(route).routes.get('deep')?.targets;

    expect(targets).toEqual([
      { pool: 'p', model: 'm', defaults: { temperature: 0, max_tokens: 100, stop: ['END'] } },
      { pool: 'p', model: 'n', defaults: { temperature: 0.2, max_tokens: 100 } },
    ]);
  });

  it.each([
    ['model: other', 'routes.deep.defaults.model: cannot be a default'],
    ['stream: true', 'routes.deep.defaults.stream: cannot be a default'],
    ['n: 3', 'routes.deep.defaults.n: cannot be a default'],
    ['api_base: "http://evil"', 'routes.deep.defaults.api_base: cannot be a default'],
    ['Max_Tokens: 5', 'routes.deep.defaults.Max_Tokens: is no name of a field'],
    ['max_tokens: -1', 'max_tokens must be an integer from 0 to 10000000'],
  ])('are refused where they would decide: %s', (text, fault) => {
    const route = `routes: { deep: { targets: [{ pool: p, model: m }], defaults: { ${text} } } }`;

    expect(() => parse(route)).toThrow(fault);
  });
});
