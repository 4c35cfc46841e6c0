// What a person sees when the daemon has started: where it is, and lines to paste. It prints no
// secret: a key that callers need is named by its variable.
import type { Config } from './config/schema.ts';
import { cellKeys } from './redis/keys.ts';
import { describeStore, locateServers } from './redis/location.ts';

export interface BannerFacts {
  readonly version: string;
  /** http://host:port */
  readonly url: string;
  readonly redis: {
    /** The embedded server's socket; undefined for a Redis that was given by its URL. */
    readonly socketPath?: string | undefined;
    /** Shell line that opens redis-cli; arguments may follow. */
    readonly cliCommand: string;
  };
  readonly simUrl?: string | undefined;
  readonly startMs: number;
}

/** Readable lines for a terminal, without a trailing newline. */
export function bannerText(config: Config, facts: BannerFacts): string {
  const [alias = 'gpt-4', route] = [...config.routes][0] ?? [];
  const target = route?.targets[0] ?? { pool: 'openai', model: alias };
  const { cell } = config.scheduler;
  const { concurrency } = cellKeys(cell, config.redis.mode === 'cluster' ? 'tagged' : 'plain');
  const hasTenantKeys = [...config.tenants.values()].some(({ keys }) => keys.length > 0);
  const guarded = config.server.apiKey !== undefined || hasTenantKeys;
  const key = guarded ? 'process.env.SLOTKEEPER_API_KEY' : "'unused'";
  const { socketPath, cliCommand } = facts.redis;
  const servers = locateServers(config.redis, cell);
  const redis = socketPath ?? (servers ? describeStore(servers) : 'as given by REDIS_URL');
  const sim = facts.simUrl;
  return [
    `Slotkeeper ${facts.version} is ready at ${facts.url} (${(facts.startMs / 1000).toFixed(1)} s)`,
    ...(sim === undefined ? [] : [`Demo: no configuration file, so ${sim} plays the upstream`]),
    '',
    `  curl     ${curlLine(facts.url, alias, guarded)}`,
    `  OpenAI   new OpenAI({ baseURL: '${facts.url}/v1', apiKey: ${key} })`,
    `  Redis    ${redis}`,
    `  counter  ${cliCommand} GET ${concurrency(target)}`,
    '',
    'Ctrl-C drains and stops; a second one stops at once.',
  ].join('\n');
}

function curlLine(url: string, model: string, guarded: boolean): string {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] });
  const auth = guarded ? ' -H "authorization: Bearer $SLOTKEEPER_API_KEY"' : '';
  return `curl ${url}/v1/chat/completions${auth} -H 'content-type: application/json' -d '${body}'`;
}
