// A whole daemon whose journal is on, its upstream, and callers of two tenants.
import { onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { startDaemon } from '../../src/daemon.ts';
import { completionOf } from './journal-fleet.ts';
import type { TestRedis } from './redis.ts';
import { caller } from './scheduler-api.ts';
import { startUpstream, type Script } from './upstream.ts';

const cutsAll: Script = (_seen, res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(completionOf({ reasoning: 'over', boundaries: [9], should_wait: false }));
};

/** Ends with the test. By default its model makes one cell of all that it is shown. */
export async function aDaemonWithJournal(
  store: TestRedis,
  journal: object = {},
  script: Script = cutsAll,
) {
  const upstream = await startUpstream(script);
  const accounts = [{ name: 'a1', maxConcurrency: 1, credential: 'c' }];
  const file = {
    server: { port: 0 },
    redis: { url: store.url },
    scheduler: { cell: store.cell() },
    log: { level: 'error' },
    pools: { openai: { baseUrl: `${upstream.url}/v1`, models: ['small'], accounts } },
    tenants: {
      'team-a': { keys: ['key-of-team-a-0001'] },
      'team-b': { keys: ['key-of-team-b-0001'] },
    },
    journal: { enabled: true, ...journal },
  };
  const config = parseConfig(JSON.stringify(file), { source: 'test', env: {} });
  const daemon = await startDaemon({ config, env: {} });
  onTestFinished(() => daemon.stop());
  const call = caller(daemon.url);
  const as =
    (team: string) =>
    (method: string, path: string, body?: unknown, headers = {}) =>
      call(method, path, body, { authorization: `Bearer key-of-${team}-0001`, ...headers });
  return { upstream, as, url: daemon.url, call: as('team-a') };
}
