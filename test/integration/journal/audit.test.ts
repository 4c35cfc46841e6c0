// @module-tag redis_required
// The audit of all journals of a cell: silent about sound ones, and by name about what is wrong.
import { describe, expect, it } from 'vitest';
import { auditJournals } from '../../../src/journal/audit.ts';
import { messageId } from '../../../src/journal/message.ts';
import { cellKeys } from '../../../src/redis/keys.ts';
import { aJournalStore, aMessage, someMessages } from '../../support/journals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();

describe('an audit of journals', () => {
  it('finds nothing wrong with sound ones, nor with a cell that has none', async () => {
    const { store, cell } = aJournalStore(server);
    const source = { redis: server.redis, cell, keyStyle: 'tagged' } as const;
    const before = await auditJournals(source);
    for (let n = 1; n <= 40; n += 1) await store.append(`team/s${n}`, someMessages('m', 3));
    await store.flush('team/s1', {});

    const found = await auditJournals(source);

    expect(before).toEqual({ differences: [], sessions: 0, messages: 0 });
    expect(found).toEqual({ differences: [], sessions: 40, messages: 120 });
  });

  it('names sessions whose messages are missing, doubled or strange', async () => {
    const { store, cell } = aJournalStore(server);
    for (const name of ['lost', 'twice', 'odd']) {
      await store.append(`team/${name}`, someMessages('m', 2));
    }
    const keys = cellKeys(cell, 'tagged');
    const id = messageId(aMessage('m1'));
    await server.redis.xdel(keys.journal('team/lost').buffer, '1-0');
    await server.redis.xadd(keys.journal('team/twice').celled, '1-1', 'id', id, 'm', '{}');
    await server.redis.xadd(keys.journal('team/odd').celled, '1-1', 'id', 'x', 'm', '{}');

    const { differences } = await auditJournals({ redis: server.redis, cell, keyStyle: 'tagged' });

    expect(differences.map(({ where, name }) => `${where} ${name}`).sort()).toEqual([
      'journal_doubled team/twice',
      'journal_missing team/lost',
      'journal_strange team/odd',
    ]);
  });
});
