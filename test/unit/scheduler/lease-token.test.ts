// A token says what was granted, and nobody but the cell's daemons can make one.
import { describe, expect, it } from 'vitest';
import { openToken, sealToken } from '../../../src/scheduler/lease-token.ts';

const CLAIMS = {
  id: 'acme/job-1',
  fence: 4711,
  account: 'a1',
  pool: 'openai',
  model: 'gpt-4',
  claim: 12_345,
  expiresAtMs: 1_700_000_000_000,
  tokens: 100,
  reserveMicro: 2500,
};

describe('a lease token', () => {
  it('says what it was made of, also when its secret is not the newest', () => {
    const token = sealToken(CLAIMS, 'older');

    const opened = openToken(token, ['newer', 'older']);

    expect(opened).toEqual(CLAIMS);
  });

  it('says which session the lease is of', () => {
    const session = { digest: 'd1', isSticky: true, isLane: true };
    const token = sealToken({ ...CLAIMS, session }, 'secret');

    const opened = openToken(token, ['secret']);

    expect(opened?.session).toEqual(session);
  });

  it.each([
    ['another secret', (token: string) => token, ['another']],
    ['a changed claim', (token: string) => `A${token.slice(1)}`, ['secret']],
    ['a changed signature', (token: string) => `${token.slice(0, -2)}AA`, ['secret']],
    ['no signature', (token: string) => token.split('.')[0] ?? '', ['secret']],
    ['no text', () => '', ['secret']],
  ])('says nothing with %s', (_, change, secrets) => {
    const token = change(sealToken(CLAIMS, 'secret'));

    const opened = openToken(token, secrets);

    expect(opened).toBeUndefined();
  });

  it('holds none of its claims that a glance could read', () => {
    const token = sealToken(CLAIMS, 'secret');

    expect(token).toMatch(/^[\w-]+\.[\w-]+$/);
    expect(token).not.toContain('a1');
    expect(token.length).toBeLessThan(300);
  });
});
