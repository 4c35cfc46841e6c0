// The journal as one part of a daemon: its model is asked as a request of the session's tenant, by the
// gateway's ordinary way, and what it says about itself is counted and logged. Off, nothing of it runs.
import type { LiveConfig } from './config/live.ts';
import type { Service } from './core/service.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { Histories } from './gateway/history.ts';
import { createServeInner, type InnerDeps, type InnerEnd } from './gateway/inner.ts';
import { statusOf } from './http/errors.ts';
import type { AskModel, ModelAnswer } from './journal/ask.ts';
import { INVALID_ANSWERS } from './journal/boundary.ts';
import type { JournalEmitter } from './journal/events.ts';
import { Journal, type JournalOptions } from './journal/service.ts';
import type { Logger } from './log/logger.ts';
import type { JournalMetrics } from './metrics/journal-metrics.ts';
import type { Directory } from './tenants/directory.ts';
import type { Principal } from './tenants/tenant.ts';

export interface JournalingOptions extends Pick<
  JournalOptions,
  'redis' | 'keyStyle' | 'scheduler'
> {
  readonly config: LiveConfig;
  readonly gateway: InnerDeps['gateway'] & Pick<Gateway, 'keepHistories'>;
  readonly directory: Pick<Directory, 'tenants' | 'anybody' | 'fresh'>;
  readonly metrics: JournalMetrics;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export interface Journaling extends Pick<Service, 'stop'> {
  /** Undefined where nothing is kept. */
  readonly journal: Journal | undefined;
  /** Brings the gauges up to date. Never rejects. */
  collect(): Promise<void>;
}

/** What a boundary model says is short; more is not read. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const FAILURE_LINE_MS = 60_000;

export async function startJournaling(options: JournalingOptions): Promise<Journaling> {
  const { config, gateway, metrics, logger } = options;
  if (!config.journal.enabled) return OFF;
  const journal = new Journal({
    ...options,
    cell: config.scheduler.cell,
    config: () => config.journal,
    ask: askThrough(options),
  });
  observeJournal(journal.events, { metrics, logger });
  gateway.keepHistories(historiesOf(journal, options));
  await journal.start();
  return {
    journal,
    collect: () => collectJournal(journal, metrics),
    stop: () => journal.stop(),
  };
}

const OFF: Journaling = {
  journal: undefined,
  collect: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

export async function collectJournal(
  journal: Pick<Journal, 'standing'>,
  metrics: JournalMetrics,
): Promise<void> {
  const standing = await journal.standing().catch(() => undefined);
  metrics.journalSessions.set(standing?.sessions ?? NaN);
  metrics.journalDue.set(standing?.due ?? NaN);
  metrics.journalOverdue.set(standing === undefined ? NaN : standing.overdueMs / 1000);
}

/** By the tenant's own slots, rates and budget; a tenant that is gone or disabled asks nothing. */
export function askThrough({
  gateway,
  directory,
}: Pick<InnerDeps, 'gateway'> & Pick<JournalingOptions, 'directory'>): AskModel {
  const serve = createServeInner({ gateway, statusOf });
  return async ({ tenant, body }, signal) => {
    await directory.fresh();
    const principal = principalNamed(tenant, directory);
    if (principal === undefined) return { kind: 'failed', error: 'tenant_not_found' };
    if (!principal.tenant.terms.enabled) return { kind: 'failed', error: 'forbidden' };
    const request = { path: '/v1/chat/completions', headers: {}, body };
    return answerOf(await serve(request, { principal, signal, maxAnswerBytes: MAX_ANSWER_BYTES }));
  };
}

/** Each turn with the time of its request: what is said again later is another message. */
function historiesOf(
  journal: Journal,
  { config, logger }: Pick<JournalingOptions, 'config' | 'logger'>,
): Histories {
  return {
    read: async (of) => {
      return (await journal.history(of)).map(({ role, content }) => ({ role, content }));
    },
    keep: async ({ tenant, session, messages, atMs }) => {
      const kept = messages.map(({ role, content, sender }) => {
        return { sender_id: sender, role, timestamp: atMs, content };
      });
      const { maxMessageBytes } = config.journal;
      const isLong = kept.some((one) => Buffer.byteLength(JSON.stringify(one)) > maxMessageBytes);
      if (isLong) logger.warn('a turn was not kept: a message of it is too long');
      else
        await journal.append({ tenant, session }, kept).catch((error: unknown) => {
          logger.warn('a turn was not kept', { error });
        });
    },
  };
}

function principalNamed(
  name: string,
  { tenants, anybody }: JournalingOptions['directory'],
): Principal | undefined {
  const tenant = tenants.get(name);
  if (tenant !== undefined) return { tenant, keyId: undefined, isAdmin: false };
  return anybody.tenant.name === name ? anybody : undefined;
}

function answerOf(end: InnerEnd): ModelAnswer {
  if (end.kind === 'refused') {
    const { code, retryAfterMs } = end.error;
    return { kind: 'failed', error: code, retryAfterMs };
  }
  const { status, body, verdict } = end;
  if (status < 300) return { kind: 'answered', body: body.toString() };
  return { kind: 'failed', error: verdict.sign ?? `status_${status}` };
}

function observeJournal(
  events: JournalEmitter,
  { metrics, logger }: Pick<JournalingOptions, 'metrics' | 'logger'>,
): void {
  for (const result of ['added', 'known']) metrics.journalMessages.inc({ result }, 0);
  for (const by of ['model', 'forced', 'flush']) metrics.journalCells.inc({ reason: by }, 0);
  for (const why of ['wait', ...INVALID_ANSWERS]) metrics.journalHeld.inc({ reason: why }, 0);
  events.on('appended', ({ added, known }) => {
    metrics.journalMessages.inc({ result: 'added' }, added);
    metrics.journalMessages.inc({ result: 'known' }, known);
  });
  events.on('cut', ({ by, cells }) => metrics.journalCells.inc({ reason: by }, cells));
  events.on('held', ({ invalid = 'wait' }) => metrics.journalHeld.inc({ reason: invalid }));
  events.on('stale', () => metrics.journalStale.inc());
  const deferred = oncePer(FAILURE_LINE_MS);
  events.on('stageDeferred', (event) => {
    metrics.journalDeferred.inc();
    if (deferred()) logger.warn('the journal’s model could not be asked; it is asked again', event);
  });
  const failed = oncePer(FAILURE_LINE_MS);
  events.on('cutFailed', ({ error }) => {
    metrics.journalFailures.inc();
    if (failed()) logger.warn('the store did not serve a cut; it stays due', { error });
  });
}

/** Whether its caller's turn has come again. */
function oncePer(intervalMs: number): () => boolean {
  let lastAtMs = -Infinity;
  return () => {
    if (performance.now() - lastAtMs < intervalMs) return false;
    lastAtMs = performance.now();
    return true;
  };
}
