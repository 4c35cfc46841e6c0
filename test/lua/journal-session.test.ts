// @module-tag redis_required
// A session's journal as its readers see it: pages, the end of its life, and what the check finds.
import { describe, expect, it } from 'vitest';
import { messageId } from '../../src/journal/message.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { aJournal, aMessage, S, someMessages, texts } from '../support/journals.ts';
import { useRedis } from '../support/redis.ts';

const server = useRedis();

describe('a session', () => {
  it('is flushed into one cell; an empty one into none', async () => {
    const { store, celled, dueAt } = aJournal(server);
    await store.append(S, someMessages('m', 3));

    const flushed = await store.flush(S, { by: 'flush' });
    const again = await store.flush(S, { by: 'flush' });

    expect([flushed, again]).toEqual([
      { moved: 3, cell: 1 },
      { moved: 0, cell: 0 },
    ]);
    expect(await celled(1)).toEqual(['m1', 'm2', 'm3']);
    expect(await dueAt()).toBeUndefined();
  });

  it('is read in pages, and its last messages over cells and buffer', async () => {
    const { store } = aJournal(server);
    await store.append(S, someMessages('m', 3));
    await store.flush(S, {});
    await store.append(S, someMessages('n', 3));

    const first = await store.buffer(S, { after: 0, limit: 2 });
    const second = await store.buffer(S, { after: 5, limit: 2 });
    const inCell = await store.celled(S, 1, { after: 1, limit: 1 });
    const history = await store.history(S, 5);

    expect([texts(first.messages), texts(second.messages)]).toEqual([['n1', 'n2'], ['n3']]);
    expect(texts(inCell)).toEqual(['m2']);
    expect(history.map(({ content }) => content)).toEqual(['m2', 'm3', 'n1', 'n2', 'n3']);
  });

  it('leaves nothing when it is deleted', async () => {
    const { store, cell } = aJournal(server);
    await store.append(S, someMessages('m', 3));
    await store.flush(S, {});

    const deleted = await store.delete(S);
    const left = await server.redis.keys(`*{${cell}}*${S}*`);
    const named = await server.redis.zrange(cellKeys(cell, 'tagged').journalSessions, '0', '-1');

    expect([deleted, left, named]).toEqual([3, [], ['_']]);
  });

  it('ends as a whole after its retention, counted from its last change', async () => {
    const { store, cell } = aJournal(server, { config: { retentionMs: 60_000 } });
    await store.append(S, someMessages('m', 3));
    await store.flush(S, {});
    await store.append(S, [aMessage('n')]);
    const keys = Object.values(cellKeys(cell, 'tagged').journal(S)) as string[];

    const ends = await Promise.all(keys.map((key) => server.redis.call('PEXPIRETIME', key)));

    expect(new Set(ends).size).toBe(1);
    expect(Number(ends[0])).toBeGreaterThan(Date.now());
  });

  it('whose ids are doubled, missing or strange is found by the check', async () => {
    const { store, cell } = aJournal(server);
    await store.append(S, someMessages('m', 3));
    const { buffer, celled } = cellKeys(cell, 'tagged').journal(S);
    const id = messageId(aMessage('m1'));
    await server.redis.xadd(celled, '1-1', 'id', id, 'm', '{}');
    await server.redis.xadd(celled, '1-2', 'id', 'strange', 'm', '{}');
    await server.redis.xdel(buffer, '2-0');

    const found = await store.check(S);

    expect(found).toEqual({ accepted: 3, there: 2, doubled: 1, strange: 1 });
  });
});
