// A generic webhook: one call a notice, at least once. The same notice has the same idempotency key,
// and the signature binds the body to the time of the call. Its address and its secret are in no
// message.
import { createHmac } from 'node:crypto';
import type { AlertsConfig } from '../config/alerts-schema.ts';
import { deliveryId } from './alert.ts';
import { labelsOf } from './alertmanager.ts';
import type { Destination, Dispatch, SendResult } from './destination.ts';
import type { Poster } from './post.ts';

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly secret?: string | undefined;
  readonly config: AlertsConfig;
  readonly cell: string;
  readonly poster: Poster;
}

export class Webhook implements Destination {
  readonly id: string;
  readonly remembersByLabels = false;
  readonly #options: WebhookOptions;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.id = `webhook-${options.name}`;
  }

  send({ notice, nowMs }: Dispatch): Promise<SendResult> {
    const { url, secret, config, cell, poster } = this.#options;
    const { alert, fingerprint, episode, state, sinceMs, endedMs } = notice;
    const body = JSON.stringify({
      fingerprint,
      episode,
      state,
      name: alert.name,
      severity: alert.severity,
      summary: alert.summary,
      runbookUrl: config.runbookBase + alert.runbook,
      labels: labelsOf(notice, { config, cell }),
      startedAt: new Date(sinceMs).toISOString(),
      ...(endedMs !== undefined && { endedAt: new Date(endedMs).toISOString() }),
    });
    const timestamp = String(Math.floor(nowMs / 1000));
    return poster.post({
      url,
      headers: {
        'idempotency-key': deliveryId(notice, this.id),
        'x-slotkeeper-timestamp': timestamp,
        ...(secret !== undefined && {
          'x-slotkeeper-signature': `v1=${signatureOf(body, { secret, timestamp })}`,
        }),
      },
      body,
    });
  }
}

/** HMAC-SHA-256 in hex over the timestamp, a dot and the body. */
export function signatureOf(
  body: string,
  { secret, timestamp }: { readonly secret: string; readonly timestamp: string },
): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}
