// What the caller of a request, or its route, says about deferring it: in which stage, under which key,
// and who is told of its end. It refuses what cannot be deferred; it parks nothing.
import type { SlotNames } from '../config/slots.ts';
import { AppError } from '../core/errors.ts';
import type { DeferredRequest } from '../deferral/job.ts';
import { checkWebhook } from '../deferral/submission.ts';
import { TO_UPSTREAM } from '../upstream/headers.ts';
import type { Asked } from './asked.ts';
import type { Destination } from './destination.ts';
import type { Exchange } from './exchange.ts';

/** What the configuration says. */
export interface ParkingRules {
  readonly stages: ReadonlySet<string>;
  readonly slots: SlotNames;
  /** How long in ms a request waits whose upstream has named no time itself. */
  readonly retryAfterMs: number;
  readonly maxPayloadBytes: number;
  readonly maxAnswerBytes: number;
  /** Those that may be told of the end of a job. */
  readonly webhookHosts: readonly string[];
}

export interface DeferWish {
  readonly stage: string;
  /** The same key of the same tenant is the same job. */
  readonly key: string | undefined;
  /** Address that is told of its end. */
  readonly webhook: string | undefined;
}

const STAGE = 'x-slotkeeper-defer';
const WEBHOOK = 'x-slotkeeper-defer-webhook';

/**
 * Undefined for a request that gets the ordinary answer or error: most do. Throws `invalid_params`,
 * `invalid_request` or `deferral_disabled` for one that asks for what cannot be.
 */
export function deferWishOf(
  exchange: Exchange,
  { asked, destination }: { readonly asked: Asked; readonly destination: Destination },
  rules: ParkingRules | undefined,
): DeferWish | undefined {
  const { headers } = exchange.req;
  const stage = stageOf(textOf(headers[STAGE]), destination, rules);
  if (stage === undefined || rules === undefined) return undefined;
  checkKind(exchange, asked);
  const key = checkedKey(textOf(headers['idempotency-key']));
  const webhook = textOf(headers[WEBHOOK]);
  if (webhook !== undefined) checkWebhook(webhook, rules.webhookHosts);
  return { stage, key, webhook };
}

function stageOf(
  named: string | undefined,
  { defer }: Destination,
  rules: ParkingRules | undefined,
): string | undefined {
  if (named === 'off') return undefined;
  if (named === undefined) return rules === undefined ? undefined : defer;
  if (rules === undefined) {
    const message = 'Nothing can be deferred here: `deferral.enabled` is off.';
    throw new AppError('deferral_disabled', message, { param: STAGE });
  }
  if (rules.stages.has(named)) return named;
  const stages = [...rules.stages].join(', ');
  const message = `There is no such stage; the stages are: ${stages}; "off" asks for none.`;
  throw new AppError('invalid_params', message, { param: STAGE });
}

const OTHERWISE = 'send "x-slotkeeper-defer: off" for an ordinary answer';

/** Only what can be kept as text and given back whole. */
function checkKind({ endpoint }: Exchange, { wantsStream, contentType }: Asked): void {
  if (wantsStream) {
    const message = `A stream cannot be deferred: leave "stream" out, or ${OTHERWISE}.`;
    throw new AppError('invalid_params', message, { param: 'stream' });
  }
  if (contentType === 'application/json' && endpoint.name !== 'speech') return;
  const message = `Only JSON that is answered with JSON can be deferred: ${OTHERWISE}.`;
  throw new AppError('invalid_params', message, { param: STAGE });
}

const KEY = /^[\x21-\x7e]{1,255}$/;

function checkedKey(key: string | undefined): string | undefined {
  if (key === undefined || KEY.test(key)) return key;
  const message = 'An idempotency key is 1 to 255 printable ASCII characters without spaces.';
  throw new AppError('invalid_params', message, { param: 'idempotency-key' });
}

/** What a job's request keeps of its caller's headers: no credential is among them. */
const KEPT_HEADERS = [
  ...TO_UPSTREAM,
  'x-request-id',
  'x-slotkeeper-session',
  'x-slotkeeper-lane',
  'x-slotkeeper-run',
  'x-slotkeeper-provider',
] as const;

/** A request as its job keeps it. */
export function requestToKeep({ endpoint, req }: Exchange, body: Buffer): DeferredRequest {
  const headers: [string, string][] = [];
  for (const name of KEPT_HEADERS) {
    const value = textOf(req.headers[name]);
    if (value !== undefined) headers.push([name, value]);
  }
  const text = body.toString('utf8');
  return { path: `/v1${endpoint.path}`, headers: Object.fromEntries(headers), body: text };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join() : header;
}
