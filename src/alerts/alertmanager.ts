// Alertmanager's v2 API. It knows an alert by its labels, and takes one that it hears nothing of for
// resolved at the time that it was told last: so what lasts is told again and again (keeping.ts).
// Alerts that come together go in one call.
import type { AlertsConfig } from '../config/alerts-schema.ts';
import type { Notice } from './alert.ts';
import type { Destination, Dispatch, SendResult } from './destination.ts';
import type { Poster } from '../outbound/post.ts';

export interface AlertmanagerOptions {
  readonly url: string;
  readonly config: AlertsConfig;
  readonly cell: string;
  readonly poster: Poster;
  /** For so long in ms no refresh may come, beside those that fail. */
  readonly unwatchedMs?: number | undefined;
}

interface Gathered {
  readonly dispatch: Dispatch;
  readonly done: (result: SendResult) => void;
}

/** Long enough for a worker to hand over what it holds, too short to be noticed. */
const GATHER_MS = 10;
const MOST_AT_ONCE = 64;
/** Refreshes that may fail in a row before an alert that lasts looks resolved; as Prometheus has it. */
const MISSED_REFRESHES = 4;

export class Alertmanager implements Destination {
  readonly id: string;
  readonly remembersByLabels = true;
  readonly #options: AlertmanagerOptions;
  #gathered: Gathered[] = [];

  constructor(options: AlertmanagerOptions) {
    this.#options = options;
    const place = options.url.replace(/^https?:\/\//, '').replace(/[^\w.]+/g, '-');
    this.id = `alertmanager-${place.replace(/-$/, '')}`;
  }

  send(dispatch: Dispatch): Promise<SendResult> {
    return new Promise((done) => {
      this.#gathered.push({ dispatch, done });
      if (this.#gathered.length === 1) setTimeout(() => void this.#flush(), GATHER_MS);
      else if (this.#gathered.length === MOST_AT_ONCE) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const all = this.#gathered;
    this.#gathered = [];
    if (all.length === 0) return;
    const result = await this.#post(all);
    const isOneAtFault = result.kind === 'failed' && result.reason === 'it answers 400';
    if (all.length > 1 && isOneAtFault) {
      // The others must not wait for an alert that it does not like.
      for (const one of all) one.done(await this.#post([one]));
      return;
    }
    for (const { done } of all) done(result);
  }

  #post(all: readonly Gathered[]): Promise<SendResult> {
    const { url, poster, config } = this.#options;
    const body = all.map(({ dispatch }) => this.#body(dispatch));
    return poster.post({
      url: `${url.replace(/\/+$/, '')}/api/v2/alerts`,
      headers: authorization(config.alertmanager),
      body: JSON.stringify(body),
    });
  }

  #body({ notice, nowMs }: Dispatch): object {
    const { config, cell, unwatchedMs = 0 } = this.#options;
    const { alert, sinceMs } = notice;
    const endsMs =
      notice.state === 'firing'
        ? nowMs + MISSED_REFRESHES * config.refreshMs + unwatchedMs
        : (notice.endedMs ?? nowMs);
    return {
      labels: labelsOf(notice, { config, cell }),
      annotations: { summary: alert.summary, runbook_url: config.runbookBase + alert.runbook },
      startsAt: new Date(sinceMs).toISOString(),
      endsAt: new Date(Math.max(endsMs, sinceMs)).toISOString(),
    };
  }
}

/** What the alert says of itself stands above what the configuration adds. */
export function labelsOf(
  { alert }: Notice,
  { config, cell }: Pick<AlertmanagerOptions, 'config' | 'cell'>,
): Readonly<Record<string, string>> {
  return {
    ...config.labels,
    ...alert.labels,
    alertname: alert.name,
    severity: alert.severity,
    service: 'slotkeeper',
    cell,
  };
}

function authorization({
  username,
  password = '',
  bearerToken,
}: AlertsConfig['alertmanager']): Readonly<Record<string, string>> {
  if (bearerToken !== undefined) return { authorization: `Bearer ${bearerToken}` };
  if (username === undefined) return {};
  const pair = Buffer.from(`${username}:${password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}
