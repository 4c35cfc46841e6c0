// The table of outcomes, row by row: what an answer or a failure means, and what follows from it.
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_OUTCOMES,
  resolveOutcomes,
  rowOf,
  type Sign,
} from '../../../src/config/outcomes-schema.ts';
import { SUCCEEDED, verdictOnAnswer, verdictOnFailure } from '../../../src/upstream/outcome.ts';

function anAnswer(status: number, body: unknown = '', headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers, body: text, model: 'gpt-4' };
}

describe('a sign', () => {
  // sign, outcome, then whether it leads to failover, may be deferred, counts for the breaker
  it.each([
    ['400', 'ignored', false, false, false],
    ['401', 'unusable', true, false, false],
    ['402', 'unusable', true, false, false],
    ['403', 'unusable', true, false, false],
    ['404', 'ignored', false, false, false],
    ['408', 'overloaded', true, true, true],
    ['409', 'ignored', false, false, false],
    ['413', 'ignored', false, false, false],
    ['422', 'ignored', false, false, false],
    ['429', 'rate_limited', true, true, false],
    ['insufficient_quota', 'unusable', true, false, false],
    ['content_refused', 'ignored', false, false, false],
    ['500', 'failed', true, false, true],
    ['501', 'ignored', true, false, false],
    ['502', 'overloaded', true, true, true],
    ['503', 'overloaded', true, true, true],
    ['504', 'overloaded', true, true, true],
    ['507', 'failed', true, false, true],
    ['520', 'overloaded', true, true, true],
    ['522', 'overloaded', true, true, true],
    ['524', 'overloaded', true, true, true],
    ['529', 'overloaded', true, true, true],
    ['connect_refused', 'overloaded', true, true, true],
    ['connect_timeout', 'overloaded', true, true, true],
    ['timeout', 'overloaded', true, true, true],
    ['reset', 'overloaded', true, true, true],
    ['protocol', 'failed', true, false, true],
    ['unparsable', 'failed', true, false, true],
  ] as const)('%s is %s', (sign: Sign, outcome, failover, defer, breaker) => {
    const verdict = verdictOnFailure(sign, DEFAULT_OUTCOMES);

    expect(verdict).toEqual({ sign, outcome, failover, defer, breaker });
  });
});

describe('an answer', () => {
  it.each([200, 201, 204])('of status %i is a success', (status) => {
    expect(verdictOnAnswer(anAnswer(status), DEFAULT_OUTCOMES)).toBe(SUCCEEDED);
  });

  it('of 429 limits the account, unless it names the model', () => {
    const about = (message: string) =>
      verdictOnAnswer(anAnswer(429, { error: { message } }), DEFAULT_OUTCOMES).scope;

    expect(about('Rate limit reached for gpt-4 in organization org-1 on tokens')).toBe('model');
    expect(about('Rate limit reached for model `gpt-4`.')).toBe('model');
    expect(about('Limit of gpt-4. Try later.')).toBe('model');
    expect(about('Rate limit reached for gpt-4o on tokens')).toBe('account');
    expect(about('Rate limit reached for gpt-4.1 on tokens')).toBe('account');
    expect(about('Rate limit reached for my-gpt-4 on tokens')).toBe('account');
    expect(about('Number of requests exceeds your limit')).toBe('account');
    expect(verdictOnAnswer(anAnswer(429, 'gpt-4 <html>'), DEFAULT_OUTCOMES).scope).toBe('account');
  });

  it.each([
    { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } },
    { error: { type: 'insufficient_quota' } },
    { error: { code: 'billing_hard_limit_reached' } },
  ])('of 429 with %j says that the account is dead', (body) => {
    const verdict = verdictOnAnswer(anAnswer(429, body), DEFAULT_OUTCOMES);

    expect(verdict).toMatchObject({
      sign: 'insufficient_quota',
      outcome: 'unusable',
      failover: true,
      defer: false,
    });
  });

  it.each([
    {
      error: { code: 403, message: 'Your input was flagged', metadata: { reasons: ['violence'] } },
    },
    { error: { code: 'content_policy_violation', message: 'No.' } },
    { error: { type: 'moderation_error', message: 'No.' } },
  ])('of 403 with %j is about what was asked, and punishes nobody', (body) => {
    const verdict = verdictOnAnswer(anAnswer(403, body), DEFAULT_OUTCOMES);

    expect(verdict).toMatchObject({ sign: 'content_refused', outcome: 'ignored', failover: false });
  });

  it('of 403 that is no JSON comes from something in between, and disables no account', () => {
    const verdict = verdictOnAnswer(anAnswer(403, '<html>Blocked</html>'), DEFAULT_OUTCOMES);

    expect(verdict).toMatchObject({ sign: 'unparsable', outcome: 'failed', failover: true });
  });

  it.each(['', { error: { code: 'account_deactivated', message: 'Not allowed.' } }])(
    'of 403 with %j says that the account is dead',
    (body) => {
      const verdict = verdictOnAnswer(anAnswer(403, body), DEFAULT_OUTCOMES);

      expect(verdict).toMatchObject({ sign: '403', outcome: 'unusable' });
    },
  );

  it.each(['', 'null', '[]', '{"error":null}', '{"error":"gpt-4"}', '{"error":{"code":7}}'])(
    'of 429 with the odd body %j is a rate limit',
    (body) => {
      const verdict = verdictOnAnswer(anAnswer(429, body), DEFAULT_OUTCOMES);

      expect(verdict).toMatchObject({ outcome: 'rate_limited', scope: 'account' });
    },
  );

  it.each([429, 503, 529])('of %i says when to ask again', (status) => {
    const verdict = verdictOnAnswer(anAnswer(status, '', { 'retry-after': '7' }), DEFAULT_OUTCOMES);

    expect(verdict.retryAfterMs).toBe(7000);
  });

  it.each([400, 401, 500])('of %i says nothing about when to ask again', (status) => {
    const verdict = verdictOnAnswer(anAnswer(status, '', { 'retry-after': '7' }), DEFAULT_OUTCOMES);

    expect(verdict.retryAfterMs).toBeUndefined();
  });
});

describe('a pool', () => {
  it('changes single columns and leaves the others as they are', () => {
    const table = resolveOutcomes({ '429': { failover: false }, timeout: { breaker: false } });

    expect(rowOf(table, '429')).toEqual({
      outcome: 'rate_limited',
      failover: false,
      defer: true,
      breaker: false,
    });
    expect(rowOf(table, 'timeout')).toMatchObject({ failover: true, breaker: false });
    expect(rowOf(table, '503')).toEqual(rowOf(DEFAULT_OUTCOMES, '503'));
  });

  it('gives a status without a row its class, as the pool has it, whatever the order', () => {
    const table = resolveOutcomes({ '404': { failover: true }, '4xx': { defer: true } });

    expect(rowOf(table, '404')).toMatchObject({ outcome: 'ignored', failover: true, defer: true });
    expect(rowOf(table, '422')).toMatchObject({ failover: false, defer: true });
    expect(rowOf(table, '401')).toMatchObject({ outcome: 'unusable', defer: false });
  });
});
