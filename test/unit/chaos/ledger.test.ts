// What the clients' ledger tells: recovery, outages, lanes, sessions, deadlines.
import { describe, expect, it } from 'vitest';
import type { EndedRequest, Outcome } from '../../chaos/client.ts';
import { SILENCE_MS, WAIT_MS } from '../../chaos/configuration.ts';
import { isLate, laneOverlaps, outageMs, recoveryMs, stickyPercent } from '../../chaos/ledger.ts';
import type { PlannedRequest } from '../../chaos/plan.ts';

const FAILED: Outcome = { kind: 'error', word: '503', isRefusal: true };

type Change = Partial<Omit<EndedRequest, 'planned'>> & {
  readonly planned?: Partial<PlannedRequest>;
};

/** The n-th request, asked and granted at 10 n ms, answered 5 ms later by account `a`. */
function request(index: number, { planned, ...change }: Change = {}): EndedRequest {
  const startedAt = 10 * index;
  return {
    planned: {
      index,
      gapMs: 10,
      daemon: 0,
      stream: true,
      leavesAfterMs: undefined,
      session: undefined,
      lane: false,
      latencyMs: 5,
      chunkMs: 1,
      ...planned,
    },
    outcome: { kind: 'served' },
    startedAt,
    headAt: startedAt + 5,
    endedAt: startedAt + 6,
    attempts: 1,
    account: 'a',
    ...change,
  };
}

function requests(count: number, failing: (index: number) => boolean = () => false) {
  return Array.from({ length: count }, (_, i) => request(i, failing(i) ? { outcome: FAILED } : {}));
}

describe('recovery', () => {
  it('is the time from the fault’s end until 99 % are served', () => {
    expect(
      recoveryMs(
        requests(300, (i) => i >= 100 && i < 110),
        1000,
      ),
    ).toBe(100);
    expect(
      recoveryMs(
        requests(300, (i) => i === 100),
        1000,
      ),
    ).toBe(0);
  });

  it('has not come while one of a hundred is not enough, however long service was good after', () => {
    expect(
      recoveryMs(
        requests(5000, (i) => i === 130 || i === 190),
        1000,
      ),
    ).toBe(910);
  });

  it('never came where the last requests fail, or too few were sent', () => {
    expect(
      recoveryMs(
        requests(200, (i) => i >= 150),
        1000,
      ),
    ).toBeUndefined();
    expect(recoveryMs(requests(120), 1000)).toBeUndefined();
  });
});

describe('an outage', () => {
  it('is the longest time without a grant, whenever its answers came', () => {
    const slow = request(60, { headAt: 900, planned: { latencyMs: 300 } });
    const ended = [...requests(50), slow, ...requests(90).slice(80)];

    expect(outageMs(ended, 400)).toBe(200);
  });

  it('does not count before the fault, and not by errors or answers of unknown grants', () => {
    const ended = [request(0), ...requests(60, (i) => i === 55).slice(50), request(65)];
    const early = request(62, { attempts: undefined });

    expect(outageMs([...ended, early], 300)).toBe(500);
    expect(outageMs([...ended, early], 520)).toBe(60);
  });
});

describe('a deadline', () => {
  it('gives each attempt the silence of an upstream, and a refusal without attempts none', () => {
    const headAt = WAIT_MS + SILENCE_MS + 1000;

    expect(isLate(request(0, { headAt }))).toBe(false);
    expect(isLate(request(0, { headAt, outcome: FAILED, attempts: 0 }))).toBe(true);
    expect(isLate(request(0, { headAt: headAt + SILENCE_MS, attempts: 1 }))).toBe(true);
    expect(isLate(request(0, { headAt: headAt + SILENCE_MS, attempts: 2 }))).toBe(false);
  });
});

describe('a session', () => {
  const of = (session: string, account: string, index: number): EndedRequest =>
    request(index, { account, planned: { session } });

  it('is as sticky as its requests meet the account of the one before', () => {
    const ended = [of('s', 'a', 0), of('t', 'b', 1), of('s', 'a', 2), of('s', 'b', 3)];

    expect(stickyPercent(ended)).toBe(50);
    expect(stickyPercent([of('s', 'a', 0)])).toBeNull();
  });

  it('has a lane that is kept where each begins after the end of the one before', () => {
    const lane = { session: 's', lane: true };
    const first = request(0, { headAt: 10, endedAt: 40, planned: lane });
    const next = (headAt: number, change: Change = {}): EndedRequest =>
      request(1, { headAt, endedAt: 90, planned: lane, ...change });

    expect(laneOverlaps([first, next(45)])).toBe(0);
    expect(laneOverlaps([first, next(39)])).toBe(1);
    expect(laneOverlaps([first, next(39, { planned: { session: 't', lane: true } })])).toBe(0);
    expect(laneOverlaps([first, next(39, { planned: { session: 's' } })])).toBe(0);
  });
});
