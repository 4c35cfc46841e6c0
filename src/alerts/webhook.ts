// A generic webhook: one call a notice, at least once. The same notice has the same idempotency key,
// and the signature binds the body to the time of the call. Its address and its secret are in no
// message.
import type { AlertsConfig } from '../config/alerts-schema.ts';
import type { Poster } from '../outbound/post.ts';
import { signatureHeaders } from '../outbound/signature.ts';
import { deliveryId } from './alert.ts';
import { labelsOf } from './alertmanager.ts';
import type { Destination, Dispatch, SendResult } from './destination.ts';

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
    return poster.post({
      url,
      headers: {
        'idempotency-key': deliveryId(notice, this.id),
        ...signatureHeaders(body, { secret, nowMs }),
      },
      body,
    });
  }
}
