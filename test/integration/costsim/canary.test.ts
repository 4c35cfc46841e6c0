// @module-tag redis_required
// The canary on a real store, by an integer clock: when it runs, what follows, and what becomes of a
// run whose leader is gone.
import { describe, expect, it } from 'vitest';
import { CanaryBench, DAY_MS, NOON_MS } from '../../support/canary-bench.ts';
import { aRecord, figures } from '../../support/provenance.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const DUE_MS = Date.UTC(2026, 6, 11, 3, 30);

async function aBench(wish: ConstructorParameters<typeof CanaryBench>[2] = {}) {
  const cell = store.cell();
  const bench = new CanaryBench(store.redis, cell, wish);
  await bench.elect('a', 1);
  return { bench, cell };
}

/** One whose schedule has been seen, so that nothing is due before the next morning. */
async function aScheduledBench() {
  const { bench, cell } = await aBench();
  const daemon = bench.canary('a', 1);
  await daemon.canary.look();
  return { bench, cell, ...daemon };
}

describe('the schedule', () => {
  it('is seen for the first time without a run', async () => {
    const { reports } = await aScheduledBench();

    expect(reports).toEqual([]);
  });

  it('runs once at its time, and not before', async () => {
    const { bench, canary, reports } = await aScheduledBench();

    bench.nowMs = DUE_MS - 1;
    await canary.look();
    const before = reports.length;
    bench.nowMs = DUE_MS;
    await canary.look();
    bench.nowMs = DUE_MS + DAY_MS - 1;
    await canary.look();

    expect(before).toBe(0);
    expect(reports).toMatchObject([
      { reason: 'schedule', verdict: 'passed', startedAtMs: DUE_MS, leader: { term: 1 } },
    ]);
  });

  it('that was missed for days runs late, once', async () => {
    const { bench, canary, reports } = await aScheduledBench();

    bench.nowMs = NOON_MS + 5 * DAY_MS;
    await canary.look();
    await canary.look();

    expect(reports).toHaveLength(1);
    expect(reports[0]?.startedAtMs).toBe(bench.nowMs);
  });

  it('goes by the time zone that is given', async () => {
    const { bench } = await aBench({ at: '03:30', timeZone: 'America/New_York' });
    const { canary, reports } = bench.canary('a', 1);
    await canary.look();

    bench.nowMs = DUE_MS + 3 * 3_600_000;
    await canary.look();
    const before = reports.length;
    bench.nowMs = DUE_MS + 4 * 3_600_000;
    await canary.look();

    expect([before, reports.length]).toEqual([0, 1]);
  });

  it('does nothing while v2 is neither in use nor under trial, or where it is switched off', async () => {
    const { bench, canary, reports } = await aScheduledBench();
    bench.isWatched = false;
    const off = await aBench({ enabled: false });
    const other = off.bench.canary('a', 1);

    bench.nowMs = DUE_MS;
    await canary.look();
    off.bench.nowMs = NOON_MS;
    await other.canary.look();
    off.bench.nowMs = DUE_MS;
    await other.canary.look();

    expect([reports, other.reports]).toEqual([[], []]);
  });

  it('is carried out by nobody but the leader', async () => {
    const { bench } = await aScheduledBench();
    const other = bench.canary('b', 1);
    const former = bench.canary('a', 0);

    bench.nowMs = DUE_MS;
    await Promise.all([other.canary.look(), former.canary.look()]);

    expect([other.reports, former.reports]).toEqual([[], []]);
  });
});

describe('a run by hand', () => {
  it('is done by the leader and named by who asked', async () => {
    const { bench, canary, reports } = await aScheduledBench();

    const asked = await bench.store.ask('ann');
    await canary.look();

    expect(asked.state).toBe('asked');
    expect(reports).toMatchObject([{ id: asked.run, reason: 'hand', by: 'ann' }]);
    expect(await bench.store.state()).toMatchObject({
      asked: undefined,
      running: undefined,
      lastRunAtMs: NOON_MS,
      lastSuccessAtMs: NOON_MS,
    });
  });

  it('that is asked for twice is one run', async () => {
    const { bench, canary, reports } = await aScheduledBench();

    const asked = await Promise.all(['ann', 'bob'].map((by) => bench.store.ask(by)));
    await canary.look();

    expect(new Set(asked.map(({ run }) => run)).size).toBe(1);
    expect(reports).toHaveLength(1);
  });

  it('that is asked for while another one runs is that one', async () => {
    const { bench, canary, reports } = await aScheduledBench();
    bench.nowMs = DUE_MS;
    const begun = await bench.store.begin({ holder: 'a', term: 1 }, true);

    const asked = await bench.store.ask('ann');
    await canary.look();

    expect(begun).toMatchObject({ kind: 'begun', run: asked.run });
    expect(asked.state).toBe('running');
    expect(reports.map(({ id }) => id)).toEqual([asked.run]);
  });

  it('leaves the schedule as it is', async () => {
    const { bench, canary, reports } = await aScheduledBench();
    await bench.store.ask('ann');
    await canary.look();

    bench.nowMs = DUE_MS;
    await canary.look();

    expect(reports.map(({ reason }) => reason)).toEqual(['hand', 'schedule']);
  });
});

describe('a run that fails', () => {
  it('takes v2 out of service and says why', async () => {
    const { bench, canary, reports } = await aScheduledBench();
    bench.fail();

    const { run } = await bench.store.ask('ann');
    await canary.look();

    const why = `Run ${run}: the p95 drift of v2 is 50.0 %: more than 20.0 %; the p95 drift of v2 is 50.0 %: more than 1.25 times that of v1, 30.0 %.`;
    expect(bench.trips).toEqual([{ by: 'canary', why }]);
    expect(reports).toMatchObject([{ verdict: 'failed' }]);
    expect((await bench.store.state()).lastSuccessAtMs).toBeUndefined();
  });

  it('does so by the next leader, where its own died after it was stored', async () => {
    const { bench } = await aScheduledBench();
    bench.fail();
    const first = { holder: 'a', term: 1 };
    await bench.store.ask('ann');
    const begun = await bench.store.begin(first, false);
    const run = begun.kind === 'begun' ? begun.run : '';
    const report = { id: run, verdict: 'failed', findings: ['v2 is off'] };
    await bench.store.finish(first, report as never);

    await bench.elect('b', 2);
    const second = bench.canary('b', 2);
    await second.canary.look();
    await second.canary.look();

    expect(bench.trips).toEqual([{ by: 'canary', why: `Run ${run}: v2 is off.` }]);
    expect(second.reports.map(({ id }) => id)).toEqual([run]);
  });
});

describe('a run with too few records', () => {
  it('is inconclusive: it trips nothing, passes nothing, and is not repeated that day', async () => {
    const { bench, canary, reports } = await aScheduledBench();
    bench.fail();
    bench.records = Array.from({ length: 9 }, () => aRecord());

    bench.nowMs = DUE_MS;
    await canary.look();
    await canary.look();

    expect(reports).toMatchObject([{ verdict: 'inconclusive', sample: { compared: 9 } }]);
    expect(bench.trips).toEqual([]);
    expect(await bench.store.state()).toMatchObject({
      lastRunAtMs: DUE_MS,
      lastSuccessAtMs: undefined,
    });
  });
});

describe('a leader that is gone in the middle of a run', () => {
  it('writes no report, and the next one does the run under the same name', async () => {
    const { bench } = await aScheduledBench();
    const asked = await bench.store.ask('ann');
    const begun = await bench.store.begin({ holder: 'a', term: 1 }, false);
    await bench.elect('b', 2);
    const late = await bench.store.finish({ holder: 'a', term: 1 }, {
      id: asked.run,
      verdict: 'passed',
    } as never);

    const second = bench.canary('b', 2);
    await second.canary.look();

    expect(begun).toMatchObject({ kind: 'begun', run: asked.run });
    expect(late).toBe(false);
    expect(second.reports).toMatchObject([
      { id: asked.run, reason: 'hand', by: 'ann', leader: { holder: 'b', term: 2 } },
    ]);
    expect(await bench.store.reports(10)).toHaveLength(1);
  });

  it('breaks off its reading when its leadership ends, and tells', async () => {
    const { bench } = await aScheduledBench();
    const first = bench.canary('a', 1);
    await bench.store.ask('ann');
    first.canary.events.on('began', first.depose);

    await first.canary.look();

    expect(first.broken).toHaveLength(1);
    expect(first.reports).toEqual([]);
    expect(await bench.store.reports(10)).toEqual([]);
  });

  it('leaves a run of the schedule that is asked for meanwhile: both are answered', async () => {
    const { bench } = await aScheduledBench();
    bench.nowMs = DUE_MS;
    const due = await bench.store.begin({ holder: 'a', term: 1 }, true);
    await bench.elect('b', 2);
    const asked = await bench.store.ask('ann');

    const second = bench.canary('b', 2);
    await second.canary.look();

    expect(second.reports.map(({ id, reason }) => [id, reason])).toEqual([
      [due.kind === 'begun' ? due.run : '', 'schedule'],
      [asked.run, 'hand'],
    ]);
  });
});

describe('a run of the schedule that is left behind', () => {
  it('counts as done, also where the canary is switched off when it ends', async () => {
    const { bench, canary, reports } = await aScheduledBench();
    bench.nowMs = DUE_MS;
    await bench.store.begin({ holder: 'a', term: 1 }, true);

    bench.isWatched = false;
    await canary.look();
    bench.isWatched = true;
    await canary.look();

    expect(reports.map(({ reason }) => reason)).toEqual(['schedule']);
  });
});

describe('a run that breaks', () => {
  it('because the store cannot be read is begun again under the same name', async () => {
    const { bench, canary, reports, broken } = await aScheduledBench();
    const { run } = await bench.store.ask('ann');
    bench.v2 = () => {
      throw new Error('no store');
    };

    await canary.look();
    bench.v2 = () => figures(100);
    await canary.look();

    expect(broken).toEqual([run]);
    expect(reports.map(({ id }) => id)).toEqual([run]);
    await canary.stop();
  });
});
