// A tenant's rates as clients read them.
import { expect, it } from 'vitest';
import { rateLimitHeaders } from '../../../src/gateway/rate-limit-headers.ts';

it('rates become headers of the field, names and values in turn', () => {
  const headers = rateLimitHeaders({
    requests: { limit: 60, remaining: 59, resetMs: 1000 },
    tokens: { limit: 9000, remaining: 0, resetMs: 359_500 },
  });

  expect(headers).toEqual([
    'x-ratelimit-limit-requests',
    '60',
    'x-ratelimit-remaining-requests',
    '59',
    'x-ratelimit-reset-requests',
    '1s',
    'x-ratelimit-limit-tokens',
    '9000',
    'x-ratelimit-remaining-tokens',
    '0',
    'x-ratelimit-reset-tokens',
    '5m59.5s',
  ]);
});

it('a tenant without rates gets no header, one with a single rate gets that one', () => {
  const requests = { limit: 1, remaining: 1, resetMs: 0 };

  expect(rateLimitHeaders(undefined)).toEqual([]);
  expect(rateLimitHeaders({ requests, tokens: undefined })).toHaveLength(6);
});

it.each([
  [0, '0ms'],
  [0.2, '1ms'],
  [999, '999ms'],
  [1000, '1s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [7_200_000, '120m0s'],
])('a reset in %d ms is told as %s', (resetMs, text) => {
  const headers = rateLimitHeaders({
    requests: { limit: 1, remaining: 0, resetMs },
    tokens: undefined,
  });

  expect(headers.at(-1)).toBe(text);
});
