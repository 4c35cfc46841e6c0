// @module-tag redis_required
// Concurrent writers, and cuts beside them: whatever happens, each message that was accepted is in the
// buffer or in one cell.
import { describe, expect, it } from 'vitest';
import type { AskModel } from '../../../src/journal/ask.ts';
import { nameOf } from '../../../src/journal/service.ts';
import { cellKeys } from '../../../src/redis/keys.ts';
import type { Scheduler } from '../../../src/scheduler/scheduler.ts';
import { fleetCell } from '../../support/fleet.ts';
import {
  aHeldModel,
  aJournalDaemon,
  contentsOf,
  cutsAt,
  idsOf,
  shownIn,
} from '../../support/journal-fleet.ts';
import { startJournalProcess } from '../../support/journal-processes.ts';
import { journalConfig, someMessages } from '../../support/journals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const REF = { tenant: 'team', session: 's1' };

/** Cuts after the first half of what it is shown, a moment later. */
const halving: AskModel = async (question) => {
  await new Promise((resolve) => setImmediate(resolve));
  return { kind: 'answered', body: cutsAt(Math.ceil(shownIn(question) / 2)) };
};

describe('concurrent writers of one session', () => {
  it.each([
    [2, 4],
    [4, 3],
  ])('%i of %i messages each lose none', async (writers, each) => {
    const { journal, store } = await aJournalDaemon(server, { ask: halving });
    const texts = Array.from({ length: writers }, (_, w) => someMessages(`w${w}-`, each));

    await Promise.all(texts.flatMap((own) => own.map((message) => journal.append(REF, [message]))));
    await journal.cutter.idle();
    const { ids, celled, check } = await contentsOf(store, REF);

    const all = writers * each;
    expect(ids).toEqual(idsOf(texts.flat()));
    expect(celled.length).toBeGreaterThan(0);
    expect(check).toEqual({ accepted: all, there: all, doubled: 0, strange: 0 });
  });

  it('in three daemons lose none, and one daemon at a time asks the model', async () => {
    const cell = server.cell();
    let asking = 0;
    let most = 0;
    const ask: AskModel = async (question, signal) => {
      asking += 1;
      most = Math.max(most, asking);
      const answer = await halving(question, signal);
      asking -= 1;
      return answer;
    };
    const daemons = await Promise.all(
      Array.from({ length: 3 }, () => aJournalDaemon(server, { cell, ask })),
    );
    const texts = daemons.map((_, d) => someMessages(`d${d}-`, 20));

    await Promise.all(
      daemons.flatMap(({ journal }, d) => texts[d]!.map((one) => journal.append(REF, [one]))),
    );
    await Promise.all(daemons.map(({ journal }) => journal.cutter.idle()));
    const { ids, check } = await contentsOf(daemons[0]!.store, REF);

    expect(most).toBe(1);
    expect(ids).toEqual(idsOf(texts.flat()));
    expect(check).toEqual({ accepted: 60, there: 60, doubled: 0, strange: 0 });
  });
});

describe('three sessions', () => {
  it('are cut side by side: each waits for the other two', async () => {
    const sessions = ['s1', 's2', 's3'].map((session) => ({ tenant: 'team', session }));
    let missing = sessions.length;
    let openGate: () => void;
    const gate = new Promise<void>((resolve) => (openGate = resolve));
    const ask: AskModel = async () => {
      missing -= 1;
      if (missing === 0) openGate();
      await gate;
      return { kind: 'answered', body: cutsAt(3) };
    };
    const config = { boundary: { minMessages: 3 } };
    const { journal, store } = await aJournalDaemon(server, { ask, config });

    await Promise.all(
      sessions.flatMap((ref) =>
        someMessages(ref.session, 3).map((message) => journal.append(ref, [message])),
      ),
    );
    await journal.cutter.idle();
    const found = await Promise.all(sessions.map((ref) => contentsOf(store, ref)));

    expect(found.map(({ celled, buffered }) => [celled.flat().length, buffered])).toEqual([
      [3, []],
      [3, []],
      [3, []],
    ]);
  });
});

describe('a daemon that is killed between the model’s answer and the move', () => {
  it('leaves all in the buffer, and another daemon cuts it', async () => {
    const cell = server.cell();
    const config = { enabled: true, lookMs: 50, boundary: journalConfig().boundary };
    const boundary = { ...config.boundary, timeoutMs: 300 };
    const ask: AskModel = () => Promise.resolve({ kind: 'answered', body: cutsAt(2) });
    const { journal, store } = await aJournalDaemon(server, {
      ask,
      cell,
      leaseMs: 500,
      config: { ...config, boundary },
    });
    const wish = { redis: server.redis, cell, keyStyle: 'tagged', leaseMs: 500 } as const;
    const child = await startJournalProcess({
      ...fleetCell(server.url, wish),
      config: { ...config, boundary },
      stopsDead: true,
    });
    const cut = new Promise((resolve) => journal.events.on('cut', resolve));

    const asked = child.heard('asked');
    child.append(REF, someMessages('m', 3));
    await asked;
    await child.kill();
    const left = await contentsOf(store, REF);
    await cut;

    expect(left).toMatchObject({ buffered: ['m1', 'm2', 'm3'], celled: [] });
    expect(await contentsOf(store, REF)).toMatchObject({
      buffered: ['m3'],
      celled: [['m1', 'm2']],
      check: { accepted: 3, there: 3, doubled: 0 },
    });
  });
});

describe('a lane that ends while the model thinks', () => {
  it('makes its holder’s move stale; the next holder’s is made', async () => {
    const cell = server.cell();
    const [slow, quick] = [aHeldModel(), aHeldModel()];
    const first = await aJournalDaemon(server, { cell, ask: slow.ask });
    const second = await aJournalDaemon(server, { cell, ask: quick.ask });
    await first.journal.append(REF, someMessages('m', 3));
    const early = await slow.question(1);

    await endLane(second.scheduler, cell);
    second.journal.cutter.try(nameOf(REF));
    const late = await quick.question(1);
    late.answer(cutsAt(1));
    await second.journal.cutter.idle();
    early.answer(cutsAt(3));
    await first.journal.cutter.idle();

    expect([first.told, second.told]).toEqual([['stale'], ['cut']]);
    expect(await contentsOf(first.store, REF)).toMatchObject({
      celled: [['m1']],
      buffered: ['m2', 'm3'],
      check: { accepted: 3, there: 3, doubled: 0 },
    });
  });

  async function endLane(scheduler: Pick<Scheduler, 'cancel'>, cell: string): Promise<void> {
    const lanes = await server.redis.hgetall(cellKeys(cell, 'tagged').lanes);
    const [owner = ''] = Object.values(lanes).filter((one) => one.startsWith('team/'));
    const [tenant = '', requestId = ''] = owner.split('/');
    await scheduler.cancel({ tenant, requestId });
  }
});
