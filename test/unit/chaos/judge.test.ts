// The fault harness's judge: each promise, broken in the evidence, is a violation; what held is none.
import { describe, expect, it } from 'vitest';
import type { StoredMoney } from '../../chaos/audit.ts';
import type { EndedRequest, Outcome } from '../../chaos/client.ts';
import { COST_MICRO, WAIT_MS } from '../../chaos/configuration.ts';
import type { Expectation } from '../../chaos/fault.ts';
import { judge, type Evidence } from '../../chaos/judge.ts';

const REQUESTS = 200;
const BEGAN_AT = 1000;
const ENDED_AT = 1500;

const expects: Expectation = {
  holds: 'all',
  errors: ['503 store_unavailable', 'answer cut*'],
  recoveryMs: 200,
};

function error(word: string): Outcome {
  return { kind: 'error', word, isRefusal: true };
}

/** The n-th request, asked at 10 n ms of the three daemons in turn, unless told otherwise. */
function ended(index: number, change: Partial<EndedRequest> = {}): EndedRequest {
  const planned = {
    index,
    gapMs: 10,
    daemon: index % 3,
    stream: false,
    leavesAfterMs: undefined,
    session: undefined,
    lane: false,
    latencyMs: 5,
    chunkMs: 1,
  };
  const startedAt = 10 * index;
  const times = { startedAt, headAt: startedAt + 5, endedAt: startedAt + 6 };
  const said = { attempts: 1, account: 'a' };
  return { planned, outcome: { kind: 'served' }, ...times, ...said, ...change };
}

function billOf(requests: readonly EndedRequest[]): Map<string, number> {
  const served = requests.filter(({ outcome }) => outcome.kind === 'served');
  return new Map(served.map(({ planned }) => [`request-${planned.index}`, COST_MICRO]));
}

function moneyOf(byRun: ReadonlyMap<string, number>, presumedMicro = 0): StoredMoney {
  const settledMicro = [...byRun.values()].reduce((sum, micro) => sum + micro, presumedMicro);
  return { settledMicro, byRun };
}

/** All requests were served and paid for, but for the ones that are given. */
function evidence(odd: readonly EndedRequest[] = [], change: Partial<Evidence> = {}): Evidence {
  const byIndex = new Map(odd.map((one) => [one.planned.index, one]));
  const all = Array.from({ length: REQUESTS }, (_, i) => byIndex.get(i) ?? ended(i));
  return {
    sent: REQUESTS,
    ended: all,
    victim: 0,
    faultBeganAt: BEGAN_AT,
    faultEndedAt: ENDED_AT,
    overselling: { oversold: 0, overage: 0, windowMs: 0, unreached: [] },
    money: moneyOf(billOf(all)),
    forgotten: undefined,
    remains: [],
    ...change,
  };
}

/** A request of the victim, and one of another daemon, while the fault lasts. */
const VICTIMS = 120;
const OTHERS = 121;

describe('the judge of faults', () => {
  it('finds nothing where all has held', () => {
    const verdict = judge(
      evidence([ended(VICTIMS, { outcome: error('answer cut lease_lost') })]),
      expects,
    );

    expect(verdict.violations).toEqual([]);
    expect(verdict).toMatchObject({ requests: REQUESTS, served: REQUESTS - 1, recoverySeconds: 0 });
  });

  it.each<[string, Evidence, string]>([
    ['a request without outcome', evidence([], { sent: REQUESTS + 1 }), '1 requests were lost'],
    [
      'a request that hung',
      evidence([ended(VICTIMS, { outcome: { kind: 'hung' } })]),
      '1 requests were lost',
    ],
    [
      'a request that was tried too often',
      evidence([ended(7, { attempts: 4 })]),
      '1 requests were tried more than 3 times',
    ],
    [
      'more excess than a replica can have missed',
      evidence([], {
        forgotten: 3,
        overselling: { oversold: 0, overage: 4, windowMs: 1, unreached: [] },
      }),
      '4 requests beyond a limit, but only 3 could be forgotten',
    ],
    [
      'an oversold account',
      evidence([], { overselling: { oversold: 2, overage: 5, windowMs: 1, unreached: [] } }),
      '2 requests beyond a limit outside of declared windows',
    ],
    [
      'a limit that was never reached',
      evidence([], { overselling: { oversold: 0, overage: 0, windowMs: 0, unreached: ['key'] } }),
      'key never had all of its slots in use: the run proves nothing',
    ],
    [
      'a refusal after the deadline',
      evidence([
        ended(VICTIMS, { outcome: error('503 store_unavailable'), headAt: WAIT_MS + 9000 }),
      ]),
      '1 requests heard nothing by their deadline',
    ],
    [
      'an error of another kind',
      evidence([ended(VICTIMS, { outcome: error('500 internal') })]),
      'callers saw 1 × 500 internal unexpectedly',
    ],
    [
      'an error at another daemon',
      evidence([ended(OTHERS, { outcome: error('503 store_unavailable') })]),
      'callers saw 1 × 503 store_unavailable at a daemon that was not hurt',
    ],
    [
      'an error before the fault',
      evidence([ended(3, { outcome: error('503 store_unavailable') })]),
      'callers saw 1 × 503 store_unavailable before the fault',
    ],
    ['something left', evidence([], { remains: ['one lease'] }), 'one lease'],
  ])('names %s', (_what, given, violation) => {
    const { violations } = judge(given, expects);

    expect(violations).toEqual([violation]);
  });

  it('names a request with two outcomes, which is no request the less', () => {
    const given = evidence([], { ended: [...evidence().ended, ended(7)] });

    const verdict = judge(given, expects);

    expect(verdict).toMatchObject({ lost: 0, twiceEnded: 1 });
    expect(verdict.violations).toContain('1 requests had more than one outcome');
  });

  it('forgives the errors of all daemons where the fault reaches all', () => {
    const given = evidence([ended(OTHERS, { outcome: error('503 store_unavailable') })]);

    const { violations } = judge(given, { ...expects, hurtsAll: true });

    expect(violations).toEqual([]);
  });

  it('forgives the lateness of a daemon that stood still, and of no other', () => {
    const late = { headAt: WAIT_MS + 9000, endedAt: WAIT_MS + 9001 };
    const given = evidence([ended(VICTIMS, late), ended(OTHERS, late)]);

    const { late: lateOnes } = judge(given, { ...expects, isVictimLate: true });

    expect(lateOnes).toBe(1);
  });
});

describe('the bill', () => {
  const withBill = (change: (bill: Map<string, number>) => void, presumedMicro = 0): Evidence => {
    const given = evidence();
    const byRun = new Map(given.money.byRun);
    change(byRun);
    return { ...given, money: moneyOf(byRun, presumedMicro) };
  };

  it('shows a request that was paid for twice', () => {
    const given = withBill((bill) => bill.set('request-7', 2 * COST_MICRO));

    const verdict = judge(given, expects);

    expect(verdict.violations).toEqual(['1 requests were settled twice']);
  });

  it('shows one that was paid for by its holder and presumed as well', () => {
    const given = withBill(() => undefined, COST_MICRO);

    expect(judge(given, expects)).toMatchObject({ doubleSettled: 1, unsettled: 0 });
  });

  it('shows a served request that nobody paid for', () => {
    const given = withBill((bill) => bill.delete('request-7'));

    expect(judge(given, expects)).toMatchObject({ doubleSettled: 0, unsettled: 1 });
  });

  it('takes what was presumed for the payment of those whose daemon died', () => {
    const given = withBill((bill) => bill.delete('request-7'), COST_MICRO);

    expect(judge(given, expects)).toMatchObject({ doubleSettled: 0, unsettled: 0, violations: [] });
  });

  it('may lack what a promoted replica had not heard of, and no more', () => {
    const given = withBill((bill) => ['request-7', 'request-8'].forEach((id) => bill.delete(id)));

    expect(judge({ ...given, forgotten: 2 }, expects).violations).toEqual([]);
    expect(judge({ ...given, forgotten: 1 }, expects).violations).toHaveLength(1);
  });

  it('expects no complete bill of a store that has lost its data', () => {
    const given = withBill((bill) => bill.clear());

    expect(judge(given, { ...expects, losesLedger: true }).violations).toEqual([]);
  });
});

describe('a declared outage', () => {
  /** Nobody is granted anything between the 110th and the 190th request: 0.8 s. */
  const given = (): Evidence => {
    const gone = Array.from({ length: 79 }, (_, i) =>
      ended(111 + i, { outcome: error('503 store_unavailable') }),
    );
    return evidence(gone, { faultEndedAt: BEGAN_AT + 100, sent: REQUESTS });
  };
  const lenient = { ...expects, hurtsAll: true, recoveryMs: 5000 };

  it('is measured, and counts as a declared window', () => {
    const { outageSeconds, windowSeconds } = judge(given(), { ...lenient, outageAfterMs: 1000 });

    expect(outageSeconds).toBeCloseTo(0.8, 3);
    expect(windowSeconds).toBe(outageSeconds);
  });

  it('may last no longer than is declared', () => {
    const { violations } = judge(given(), { ...lenient, outageAfterMs: 500 });

    expect(violations).toContain(
      'nothing was granted for 0.8 s, more than the 0.6 s that are declared',
    );
  });
});

describe('a lane', () => {
  const laned = (index: number, change: Partial<EndedRequest>): EndedRequest => {
    const one = ended(index, change);
    return { ...one, planned: { ...one.planned, session: 's', lane: true } };
  };
  const beside = [laned(7, { headAt: 75, endedAt: 120 }), laned(8, { headAt: 100, endedAt: 130 })];

  it('with two requests at a time is found, but for declared windows', () => {
    const windowed = { overselling: { oversold: 0, overage: 0, windowMs: 9, unreached: [] } };

    const verdict = judge(evidence(beside), expects);

    expect(verdict.violations).toEqual(['1 requests ran beside another one of their lane']);
    expect(judge(evidence(beside, windowed), expects)).toMatchObject({ violations: [] });
  });
});
