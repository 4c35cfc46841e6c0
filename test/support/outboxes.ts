// Outboxes of several daemons over one cell, with a clockwork that takes no time.
import { nanoid } from 'nanoid';
import { onTestFinished } from 'vitest';
import { alertsSchema } from '../../src/config/alerts-schema.ts';
import type { z } from 'zod';
import type { Alert } from '../../src/alerts/alert.ts';
import type { Levels } from '../../src/alerts/keeper.ts';
import { Outbox, type OutboxOptions } from '../../src/alerts/outbox.ts';
import type { TestRedis } from './redis.ts';

/** Pauses that tests do not feel; refreshing happens when a test asks for it. */
const QUICK = {
  timeoutMs: 500,
  retryMinMs: 20,
  retryMaxMs: 40,
  holdMs: 0,
  refreshMs: 60_000,
} as const;

export interface OutboxSetting extends Partial<Pick<OutboxOptions, 'clock' | 'unwatchedMs'>> {
  readonly cell?: string;
  readonly config?: z.input<typeof alertsSchema>;
  readonly levels?: () => Promise<Levels>;
}

export const NO_LEVELS: Levels = { covers: [], holding: [] };

/** Started; ends with its test. */
export async function anOutbox(server: TestRedis, setting: OutboxSetting = {}): Promise<Outbox> {
  const { cell = `t${nanoid(8)}`, config = {}, levels, clock, unwatchedMs = 0 } = setting;
  const outbox = new Outbox({
    redis: await server.connect(),
    cell,
    keyStyle: 'tagged',
    config: alertsSchema.parse({ ...QUICK, ...config }),
    levels: levels ?? (() => Promise.resolve(NO_LEVELS)),
    ...(clock && { clock }),
    unwatchedMs,
  });
  onTestFinished(() => outbox.stop());
  await outbox.start();
  return outbox;
}

export function anAlert(account: string, severity: Alert['severity'] = 'P2'): Alert {
  return {
    name: 'SlotkeeperAccountUnusable',
    severity,
    labels: { account },
    summary: `Account ${account} gets no requests any more.`,
    runbook: 'accounts.md',
  };
}

/** Resolves at the `count`th event of a kind. */
export function heard(outbox: Outbox, name: 'sent' | 'sendFailed' | 'givenUp', count = 1) {
  let seen = 0;
  return new Promise<void>((resolve) => {
    outbox.events.on(name, () => {
      seen += 1;
      if (seen === count) resolve();
    });
  });
}
