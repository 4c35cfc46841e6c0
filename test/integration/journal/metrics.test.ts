// @module-tag redis_required
// Where journals stand, as Prometheus is told: how many there are, and how late their cuts are.
import { describe, expect, it } from 'vitest';
import { collectJournal } from '../../../src/journaling.ts';
import { readStanding } from '../../../src/journal/standing.ts';
import { createMetrics } from '../../../src/metrics/registry.ts';
import { aHeldModel, aJournalDaemon } from '../../support/journal-fleet.ts';
import { aJournal, S, someMessages } from '../../support/journals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();

describe('the standing of journals', () => {
  it('tells of sessions whose cut nobody tries, and for how long', async () => {
    const { store, cell } = aJournal(server, { clock: () => 10_000 });
    const source = { redis: server.redis, cell, keyStyle: 'tagged' } as const;

    const before = await readStanding(source);
    await store.append(S, someMessages('m', 1));
    await store.append('team/s2', someMessages('m', 3));
    const atOnce = await readStanding({ ...source, clock: () => 9999 });
    const claimed = await store.buffer('team/s2', { after: 0, limit: 1 });
    const dueAtMs = claimed.cutDueAtMs ?? NaN;
    const later = await readStanding({ ...source, clock: () => dueAtMs + 5000 });

    expect(before).toEqual({ sessions: 0, due: 0, overdueMs: 0 });
    expect(atOnce).toEqual({ sessions: 2, due: 0, overdueMs: 0 });
    expect(later).toEqual({ sessions: 2, due: 1, overdueMs: 5000 });
  });

  it('becomes gauges; a cut that is under way is not due', async () => {
    const model = aHeldModel();
    const { journal } = await aJournalDaemon(server, { ask: model.ask });
    const metrics = createMetrics({ version: 'test' });

    await journal.append({ tenant: 'team', session: 's1' }, someMessages('m', 3));
    await model.question(1);
    await collectJournal(journal, metrics);

    const lines = (await metrics.registry.metrics()).split('\n');
    expect(lines).toContain('slotkeeper_journal_sessions 1');
    expect(lines).toContain('slotkeeper_journal_sessions_due 0');
    expect(lines).toContain('slotkeeper_journal_overdue_seconds 0');
  });

  it('shows no values of before where the store cannot be read', async () => {
    const metrics = createMetrics({ version: 'test' });
    metrics.journalOverdue.set(7);

    const standing = () => Promise.reject(new Error('connection refused'));
    await collectJournal({ standing }, metrics);

    expect(await metrics.registry.metrics()).toContain('slotkeeper_journal_overdue_seconds Nan');
  });
});
