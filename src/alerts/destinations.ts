// The places that a configuration names. None of them is ever found in another way: not in an
// answer, not in a request.
import type { AlertsConfig } from '../config/alerts-schema.ts';
import { Alertmanager } from './alertmanager.ts';
import type { Destination } from './destination.ts';
import type { Poster } from '../outbound/post.ts';
import { Webhook } from './webhook.ts';

export interface DestinationOptions {
  readonly config: AlertsConfig;
  readonly cell: string;
  /** For so long in ms nobody may look through the alerts, until a dead leader is followed. */
  readonly unwatchedMs?: number | undefined;
  readonly poster: Poster;
}

export function destinationsOf(options: DestinationOptions): readonly Destination[] {
  const { config, cell, poster, unwatchedMs } = options;
  const { alertmanager, webhooks } = config;
  return [
    ...alertmanager.urls.map((url) => new Alertmanager({ url, config, cell, poster, unwatchedMs })),
    ...webhooks.map((hook) => new Webhook({ ...hook, config, cell, poster })),
  ];
}
