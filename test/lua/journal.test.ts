// @module-tag redis_required
// The journal's script: what it takes in once, what it moves and when it refuses to, and when it is due
// again.
import { describe, expect, it } from 'vitest';
import { messageId } from '../../src/journal/message.ts';
import { aJournal, aMessage, cellOf, PAGE, S, someMessages } from '../support/journals.ts';
import { useRedis } from '../support/redis.ts';

const server = useRedis();

describe('an append', () => {
  it('keeps messages in their order, and adds nothing when it is repeated', async () => {
    const { store, buffered } = aJournal(server);

    const first = await store.append(S, someMessages('m', 2));
    const again = await store.append(S, [...someMessages('m', 3), aMessage('m3')]);

    expect(first).toMatchObject({ kind: 'appended', added: 2, buffered: 2 });
    expect(again).toMatchObject({ kind: 'appended', added: 1, buffered: 3 });
    expect(again.kind === 'appended' && again.messages.map(({ place }) => place)).toEqual([
      1, 2, 3, 3,
    ]);
    expect(await buffered()).toEqual(['m1', 'm2', 'm3']);
  });

  it('keeps equal texts of other times and senders apart', async () => {
    const { store, buffered } = aJournal(server);
    const others = [{ timestamp: 1001 }, { sender_id: 'bob' }, { role: 'assistant' }] as const;

    const answer = await store.append(S, [
      aMessage('same'),
      ...others.map((over) => aMessage('same', over)),
    ]);

    expect(answer).toMatchObject({ added: 4 });
    expect(await buffered()).toEqual(['same', 'same', 'same', 'same']);
  });

  it('refuses all of a call that the buffer or the session has no room for', async () => {
    const config = { maxBuffered: 3, maxMessages: 4 };
    const { store, buffered } = aJournal(server, { config });
    await store.append(S, someMessages('m', 2));

    const full = await store.append(S, someMessages('n', 2));
    await store.flush(S, {});
    await store.append(S, someMessages('n', 2));
    const exhausted = await store.append(S, [aMessage('x')]);
    const known = await store.append(S, someMessages('n', 2));

    expect(full).toEqual({ kind: 'full', held: 2 });
    expect(exhausted).toEqual({ kind: 'exhausted', held: 4 });
    expect(known).toMatchObject({ kind: 'appended', added: 0 });
    expect(await buffered()).toEqual(['n1', 'n2']);
  });

  it('of one session is nothing to another, nor to another tenant', async () => {
    const { store } = aJournal(server);

    await store.append('team/s1', [aMessage('m')]);
    const others = await Promise.all(
      ['team/s2', 'other/s1'].map((session) => store.append(session, [aMessage('m')])),
    );

    expect(others.map((one) => one.kind === 'appended' && one.added)).toEqual([1, 1]);
  });

  it('is due once enough has gathered, and never where no model is configured', async () => {
    const { store, dueAt } = aJournal(server);
    const without = aJournal(server, { config: { boundary: { route: undefined } } });

    const first = await store.append(S, [aMessage('m1')]);
    const second = await store.append(S, [aMessage('m2')]);
    const never = await without.store.append(S, someMessages('m', 5));

    expect([first, second, never]).toMatchObject([
      { isDue: false },
      { isDue: true },
      { isDue: false },
    ]);
    expect(await dueAt()).toBe(1000);
    expect(await without.dueAt()).toBeUndefined();
  });
});

describe('a cut', () => {
  it('moves exactly its messages; those that came meanwhile stay', async () => {
    const { store, snapshot, buffered, celled } = aJournal(server);
    await store.append(S, someMessages('m', 3));
    const seen = await snapshot(7);
    await store.append(S, [aMessage('late')]);

    const answer = await store.cut(S, seen, [cellOf(seen.messages.slice(0, 2))]);

    expect(answer).toEqual({ kind: 'cut', isDue: true });
    expect(await buffered()).toEqual(['m3', 'late']);
    expect(await celled(1)).toEqual(['m1', 'm2']);
    expect(await store.cells(S, PAGE)).toEqual([
      { number: 1, messages: 2, atMs: 1000, by: 'model' },
    ]);
    expect(await store.check(S)).toEqual({ accepted: 4, there: 4, doubled: 0, strange: 0 });
  });

  it('makes several cells in one step, and nothing where one of them cannot be made', async () => {
    const { store, snapshot, buffered, celled } = aJournal(server);
    await store.append(S, someMessages('m', 4));
    const seen = await snapshot(7);
    const [one, two] = [cellOf(seen.messages.slice(0, 1)), cellOf(seen.messages.slice(1, 3))];
    const strange = { about: {}, ids: [messageId(aMessage('never sent'))] };

    const refused = await store.cut(S, seen, [one, strange]);
    const untouched = await buffered();
    await store.cut(S, seen, [one, two]);

    expect(refused).toEqual({ kind: 'stale' });
    expect(untouched).toHaveLength(4);
    expect([await celled(1), await celled(2), await buffered()]).toEqual([
      ['m1'],
      ['m2', 'm3'],
      ['m4'],
    ]);
  });

  it('is stale after a flush, after another cut, and after a deletion', async () => {
    const { store, snapshot, time } = aJournal(server);
    const results = [];
    for (const meanwhile of ['flush', 'cut', 'delete'] as const) {
      await store.append(S, someMessages(meanwhile, 3));
      const seen = await snapshot(7);
      if (meanwhile === 'flush') await store.flush(S, {});
      else if (meanwhile === 'cut') await store.cut(S, seen, [cellOf(seen.messages.slice(0, 1))]);
      else await store.delete(S);
      time.ms += 1;
      await store.append(S, someMessages(meanwhile, 3));

      results.push(await store.cut(S, seen, [cellOf(seen.messages)]));
    }

    expect(results).toEqual([{ kind: 'stale' }, { kind: 'stale' }, { kind: 'stale' }]);
    expect(await store.check(S)).toMatchObject({ accepted: 3, there: 3, doubled: 0 });
  });

  it('is stale once a later holder of the lane has looked, whose own cut is not', async () => {
    const { store, snapshot, celled } = aJournal(server);
    await store.append(S, someMessages('m', 3));
    const early = await snapshot(7);
    const later = await snapshot(8);

    const refused = await store.cut(S, early, [cellOf(early.messages)]);
    const looked = await store.snapshot(S, 7);
    const made = await store.cut(S, later, [cellOf(later.messages.slice(0, 2))]);
    const ended = await Promise.all([store.hold(S, early), store.postpone(S, early, { why: 'x' })]);

    expect([refused, looked]).toEqual([{ kind: 'stale' }, { kind: 'stale' }]);
    expect(made.kind).toBe('cut');
    expect(ended).toEqual([false, { kind: 'stale' }]);
    expect(await celled(1)).toEqual(['m1', 'm2']);
  });

  it('is somebody else’s when whoever asked the model has died', async () => {
    const { store, snapshot, dueAt, time } = aJournal(server, {
      config: { boundary: { timeoutMs: 500 } },
    });
    await store.append(S, someMessages('m', 2));

    await snapshot(7);
    const claimed = await dueAt();
    time.ms = 2000;
    const next = await snapshot(8);

    expect(claimed).toBe(2000);
    expect(next.messages).toHaveLength(2);
  });
});

describe('a cut that does not happen', () => {
  it('is asked again only after enough has come anew', async () => {
    const config = { boundary: { minMessages: 2, everyMessages: 2 } };
    const { store, snapshot } = aJournal(server, { config });
    await store.append(S, someMessages('m', 2));

    const again = await store.hold(S, await snapshot(7));
    const one = await store.append(S, [aMessage('n1')]);
    const idle = await store.snapshot(S, 8);
    const two = await store.append(S, [aMessage('n2')]);

    expect([again, idle]).toEqual([false, { kind: 'idle' }]);
    expect([one, two]).toMatchObject([{ isDue: false }, { isDue: true }]);
  });

  it('is due at once when enough has come while the model thought', async () => {
    const { store, snapshot, dueAt } = aJournal(server);
    await store.append(S, someMessages('m', 2));
    const seen = await snapshot(7);
    const meanwhile = await store.append(S, [aMessage('n1')]);

    const again = await store.hold(S, seen);

    expect(meanwhile).toMatchObject({ isDue: false });
    expect(again).toBe(true);
    expect(await dueAt()).toBe(1000);
  });

  it('is put off for longer and longer, up to a bound, and leaves the buffer whole', async () => {
    const { store, snapshot, buffered, time } = aJournal(server, {
      config: { retryMs: 100, retryMaxMs: 300 },
    });
    await store.append(S, someMessages('m', 2));
    const delays: number[] = [];
    for (let fence = 1; fence <= 4; fence += 1) {
      const answer = await store.postpone(S, await snapshot(fence), { why: 'pool_full' });
      const early = await store.snapshot(S, fence + 1);
      const appended = await store.append(S, [aMessage(`n${fence}`)]);
      expect([early.kind, appended.kind === 'appended' && appended.isDue]).toEqual(['idle', false]);
      const { delayMs } = answer as { delayMs: number };
      delays.push(delayMs);
      time.ms += delayMs;
    }

    const longer = await store.postpone(S, await snapshot(5), { why: 'x', retryAfterMs: 5000 });
    const page = await store.buffer(S, PAGE);

    expect(delays).toEqual([100, 200, 300, 300]);
    expect(longer).toEqual({ kind: 'postponed', delayMs: 5000 });
    expect(page).toMatchObject({ failures: 5, why: 'x', cutDueAtMs: time.ms + 5000 });
    expect(await buffered()).toEqual(['m1', 'm2', 'n1', 'n2', 'n3', 'n4']);
  });
});
