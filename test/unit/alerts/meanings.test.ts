// What events mean to people, and that the same told by anybody is the same alert.
import { describe, expect, it } from 'vitest';
import { deliveryId, fingerprintOf } from '../../../src/alerts/alert.ts';
import * as meanings from '../../../src/alerts/meanings.ts';

const TARGET = { pool: 'openai', model: 'gpt-4' };
const health = (
  change: 'open' | 'closed' | 'half_open' | 'disabled' | 'enabled',
  target?: object,
) => ({ account: 'a1', target: target && TARGET, change, reason: 'failed', untilMs: 0 }) as const;

describe('an account', () => {
  it('that is of no use fires until it is enabled', () => {
    const begins = meanings.toldOfHealth(health('disabled'));
    const ends = meanings.toldOfHealth(health('enabled'));

    expect(begins).toMatchObject({ kind: 'condition', holds: true });
    expect(ends).toMatchObject({ kind: 'condition', holds: false });
    expect(begins?.alert).toMatchObject({ severity: 'P2', labels: { account: 'a1' } });
    expect(ends?.alert).toEqual(begins?.alert);
  });

  it('whose breaker opens fires for that model until it closes, and not for a probe', () => {
    const begins = meanings.toldOfHealth(health('open', TARGET));
    const probes = meanings.toldOfHealth(health('half_open', TARGET));
    const ends = meanings.toldOfHealth(health('closed', TARGET));

    expect(begins).toMatchObject({ holds: true, alert: { labels: { account: 'a1', ...TARGET } } });
    expect(probes).toBeUndefined();
    expect(ends).toMatchObject({ holds: false, alert: begins?.alert });
  });
});

describe('a budget', () => {
  it.each([
    ['*', 'The budget over everything'],
    ['team-a', 'The budget of team-a'],
  ])('of %s is named, with how much of it is used', (scope, name) => {
    const budget = { scope, settledMicro: 60, reservedMicro: 21, stopMicro: 100 };

    expect(meanings.budgetWarning(budget)).toMatchObject({
      labels: { scope },
      summary: `${name} is past its warning: 81 % of its stop is spent or reserved.`,
    });
    expect(meanings.toldOfBudgetStop(budget).alert.severity).toBe('P1');
  });
});

describe('what is no matter for people', () => {
  it('is a short outage, and an audit without differences', () => {
    expect(meanings.toldOfOutage({ cause: 'unavailable', seconds: 4.9 })).toBeUndefined();
    expect(meanings.toldOfOutage({ cause: 'unavailable', seconds: 5 })).toBeDefined();
    expect(meanings.toldOfAudit({ differences: 0 })).toBeUndefined();
    expect(meanings.toldOfAudit({ differences: 1 })?.alert.summary).toMatch(/^1 counter /);
  });
});

describe('the estimator', () => {
  it('that trips, for whatever reason, is the alert that its recovery ends', () => {
    const begins = meanings.toldOfEstimatorTrip({ reason: 'drift' });
    const ends = meanings.toldOfEstimatorRecovery();

    expect(fingerprintOf(ends.alert)).toBe(fingerprintOf(begins.alert));
    expect([begins.holds, ends.holds]).toEqual([true, false]);
    expect(begins.alert.summary).toContain('(drift)');
  });

  it('whose canary passes ends what a failed one began', () => {
    const [failed, passed] = [true, false].map((isBad) =>
      meanings.toldOfCanary({ passed: !isBad }),
    );

    expect([failed?.holds, passed?.holds]).toEqual([true, false]);
  });
});

describe('an alert’s identity', () => {
  const alert = meanings.breakerOpen({ account: 'a1', ...TARGET });

  it('is its name and its labels, in any order, and not what it says', () => {
    const same = {
      ...alert,
      summary: 'else',
      labels: { model: 'gpt-4', pool: 'openai', account: 'a1' },
    };
    const other = { ...alert, labels: { ...alert.labels, account: 'a2' } };

    expect(fingerprintOf(same)).toBe(fingerprintOf(alert));
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(alert));
  });

  it('of a later firing is another delivery', () => {
    const notice = {
      fingerprint: fingerprintOf(alert),
      state: 'firing',
      alert,
      sinceMs: 1,
    } as const;

    const [first, second] = [1, 2].map((episode) =>
      deliveryId({ ...notice, episode }, 'webhook-a'),
    );

    expect(first).not.toBe(second);
    expect(first).toMatch(/^[\w.-]+$/);
  });
});
