// What is handed in to be parked, and whether it may be: its stage, its size, its key and its webhook.
// It asks no store.
import type { DeferralConfig } from '../config/deferral-schema.ts';
import { AppError } from '../core/errors.ts';
import type { DeferredJob } from './job.ts';
import type { NewRecord } from './store.ts';

export interface NewJob extends Pick<
  DeferredJob,
  'stage' | 'tenant' | 'request' | 'slot' | 'reason' | 'key' | 'batch' | 'webhook'
> {
  /** How long it waits first; by default as the configuration says. 0: it is due at once. */
  readonly delayMs?: number | undefined;
  /** Shortens how old it may become. */
  readonly maxAgeMs?: number | undefined;
}

const MAX_KEY_LENGTH = 255;

/** Throws what is wrong with it. */
export function checkJob(job: NewJob, config: DeferralConfig): void {
  const { stage, request, key, webhook } = job;
  if (!Object.hasOwn(config.stages, stage)) {
    const stages = Object.keys(config.stages).join(', ');
    throw new AppError('invalid_request', `No stage is named so. There are: ${stages}.`, {
      param: 'stage',
    });
  }
  if (Buffer.byteLength(request.body) > config.maxPayloadBytes) {
    const most = `${config.maxPayloadBytes} bytes`;
    throw new AppError('payload_too_large', `A request that may be deferred has at most ${most}.`);
  }
  if (key !== undefined && (key === '' || key.length > MAX_KEY_LENGTH)) {
    const length = `1 to ${MAX_KEY_LENGTH} characters`;
    throw new AppError('invalid_request', `An idempotency key has ${length}.`);
  }
  if (webhook !== undefined) checkWebhook(webhook, config.webhook.hosts);
}

/** Only hosts that the configuration names are ever called. Throws `invalid_request`. */
export function checkWebhook(url: string, hosts: readonly string[]): void {
  if (isAllowedWebhook(url, hosts)) return;
  throw new AppError('invalid_request', 'The webhook is not at a host that is configured.', {
    param: 'webhook',
  });
}

export function isAllowedWebhook(url: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, username, password, host } = new URL(url);
  const isHttp = protocol === 'https:' || protocol === 'http:';
  return isHttp && username + password === '' && hosts.includes(host);
}

export function recordOf(job: NewJob, { retryAfterMs, maxAgeMs }: DeferralConfig): NewRecord {
  const { stage, tenant, slot, reason, key, batch, webhook } = job;
  return {
    ...{ stage, tenant, slot, reason, key, webhook },
    ...(batch && { batch: batch.id, line: batch.line }),
    // What comes with a reason has been tried once.
    deferrals: reason === undefined ? 0 : 1,
    delayMs: job.delayMs ?? retryAfterMs,
    lifeMs: Math.min(job.maxAgeMs ?? maxAgeMs, maxAgeMs),
  };
}
