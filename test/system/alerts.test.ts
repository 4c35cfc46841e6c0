// @module-tag redis_required
// Alerts of real daemons to a real Alertmanager and a webhook, both away at first, while daemons and
// the store are killed: each arrives, and Alertmanager notifies of each once.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded.ts';
import { ADMIN_TOKEN } from '../support/admin-api.ts';
import { anAlertmanager, aListener, notified } from '../support/alertmanager.ts';
import { debianTool } from '../support/debian-tools.ts';
import { eventually } from '../support/eventually.ts';
import { startBuilt, startDaemonProcess, type RunningDaemon } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const program = (await debianTool('alertmanager')) ?? '';
const ACCOUNTS = Array.from({ length: 24 }, (_, i) => `a${String(i + 1).padStart(2, '0')}`);
const PATIENCE = { timeoutMs: 40_000, intervalMs: 100 };

interface Setting {
  readonly storeUrl: string;
  readonly alertmanagerUrl: string;
  readonly webhookUrl: string;
}

async function aConfigFile({ storeUrl, alertmanagerUrl, webhookUrl }: Setting): Promise<string> {
  const file = join(await temporaryDirectory(), 'config.yaml');
  const config = {
    redis: { url: storeUrl },
    log: { level: 'warn' },
    admin: { token: ADMIN_TOKEN },
    pools: {
      openai: {
        baseUrl: 'http://127.0.0.1:1/v1',
        models: ['gpt-4'],
        accounts: ACCOUNTS.map((name) => ({ name, maxConcurrency: 1, credential: name })),
      },
    },
    alerts: {
      alertmanager: { urls: [alertmanagerUrl] },
      webhooks: [{ name: 'ops', url: webhookUrl }],
      refreshMs: 1000,
      // Longer than the group_wait of the test's Alertmanager.
      holdMs: 500,
      timeoutMs: 500,
      retryMinMs: 50,
      retryMaxMs: 400,
    },
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

async function ask(url: string, method: string, body: object) {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify(body),
  });
  expect(response.ok, String(response.status)).toBe(true);
  return (await response.json()) as { requestId: string; fence: number };
}

/** The account that a slot was taken of has a dead credential. */
async function ruin({ url }: RunningDaemon, count: number): Promise<void> {
  const targets = [{ pool: 'openai', model: 'gpt-4' }];
  for (let i = 0; i < count; i += 1) {
    await eventually(async () => {
      const { requestId, fence } = await ask(`${url}/scheduler/slots`, 'POST', { targets });
      const place = `${url}/scheduler/slots/${requestId}`;
      await ask(place, 'DELETE', { fence, outcome: 'unusable' });
    }, PATIENCE);
  }
}

function labelsIn(body: Record<string, unknown>): Readonly<Record<string, string>> {
  return body['labels'] as Readonly<Record<string, string>>;
}

async function queued({ url }: RunningDaemon): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^costsim_cb_alert_queue_depth (\S+)$/m.exec(text)?.[1]);
}

describe.skipIf(program === '')('alerts', () => {
  it('are not lost while Alertmanager is away, daemons are killed and the store is restarted', async () => {
    const people = await aListener();
    const hook = await aListener();
    hook.answer(503);
    const alertmanager = await anAlertmanager({ program, notify: people.url });
    const redis = await startEmbeddedRedis({
      dataDir: await temporaryDirectory(),
      server: inject('redisServer'),
    });
    onTestFinished(() => redis.stop());
    const places = { alertmanagerUrl: alertmanager.url, webhookUrl: hook.url };
    const file = await aConfigFile({ storeUrl: redis.url, ...places });
    const start = () => startDaemonProcess({ args: ['--config', file] });
    const [first, second, third] = [await start(), await start(), await start()];

    await ruin(first, 8);
    await eventually(async () => expect(await queued(second)).toBe(16), PATIENCE);
    first.kill('SIGKILL');
    await ruin(second, 8);
    process.kill(redis.pid ?? 0, 'SIGKILL');
    await ruin(third, 8);
    await eventually(async () => expect(await queued(third)).toBeGreaterThanOrEqual(48), PATIENCE);
    await alertmanager.start();
    second.kill('SIGKILL');
    hook.answer(200);

    await eventually(async () => expect(await queued(third)).toBe(0), PATIENCE);
    const { size: notifiedOf } = await eventually(() => {
      const all = notified(people);
      expect(all.size).toBeGreaterThanOrEqual(ACCOUNTS.length);
      return all;
    }, PATIENCE).catch(() => notified(people));
    const fired = (account: string): number => {
      const states = notified(people).get(`SlotkeeperAccountUnusable ${account}`) ?? [];
      return states.filter((state) => state === 'firing').length;
    };
    const arrived = new Set((await alertmanager.alerts()).map(({ labels }) => labels['account']));
    const posted = new Set(hook.calls.map(({ body }) => labelsIn(body)['account']));
    const lost = ACCOUNTS.filter((account) => {
      return !arrived.has(account) || !posted.has(account) || fired(account) === 0;
    });
    const doubled = ACCOUNTS.filter((account) => fired(account) > 1);
    console.log(`BAR alerts-lost ${lost.length} <= 0`);
    console.log(`BAR alerts-doubled ${doubled.length} <= 0`);
    const withoutKey = hook.calls.filter(({ headers }) => headers['idempotency-key'] === undefined);
    expect(notifiedOf).toBeGreaterThanOrEqual(ACCOUNTS.length);
    expect({ lost, doubled, withoutKey }).toEqual({ lost: [], doubled: [], withoutKey: [] });

    await ask(`${third.url}/admin/breakers/reset`, 'POST', { account: 'a01' });

    await eventually(() => {
      const states = notified(people).get('SlotkeeperAccountUnusable a01');
      expect(states).toEqual(['firing', 'resolved']);
    }, PATIENCE);
  });

  it('are shown, tried again and dropped by the command line', async () => {
    const redis = await startEmbeddedRedis({
      dataDir: await temporaryDirectory(),
      server: inject('redisServer'),
    });
    onTestFinished(() => redis.stop());
    const nowhere = 'http://127.0.0.1:1';
    const places = { alertmanagerUrl: nowhere, webhookUrl: `${nowhere}/secret-path` };
    const file = await aConfigFile({ storeUrl: redis.url, ...places });
    const daemon = await startDaemonProcess({ args: ['--config', file] });
    const env = { SLOTKEEPER_URL: daemon.url, SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
    const run = async (...args: readonly string[]) => {
      const command = startBuilt('cli/main.js', ['alerts', ...args], { env });
      const { code } = await command.ended;
      return { code, out: command.stdout(), err: command.stderr() };
    };
    const before = await run('list');
    await ruin(daemon, 1);
    await eventually(async () => expect(await queued(daemon)).toBe(2), PATIENCE);

    const listed = await eventually(async () => {
      const list = await run('list');
      expect(list.out).toMatch(/ECONNREFUSED/);
      return list;
    }, PATIENCE);
    const json = JSON.parse((await run('list', '--json', '--state', 'firing')).out) as object;
    const retried = await run('retry', '--all');
    const dropped = await eventually(async () => {
      await run('drop', '--all');
      expect(await queued(daemon)).toBe(0);
      return true;
    }, PATIENCE);
    const unknown = await run('drop', 'nobody');
    const neither = await run('retry');

    expect(before.out).toBe('Nothing fires, and nothing is on its way.\n');
    expect(listed.out).toMatch(/P2 +firing +SlotkeeperAccountUnusable +account=a/);
    expect(listed.out).toMatch(/\.firing\.webhook-ops +P2 +SlotkeeperAccountUnusable +firing/);
    expect(listed.out).not.toContain('secret-path');
    expect(json).toMatchObject({ alerts: [{ state: 'firing' }], deliveries: [] });
    expect(retried).toMatchObject({ code: 0 });
    expect(retried.out).toMatch(/^\d of \d deliveries tried again$/m);
    expect(dropped).toBe(true);
    expect(unknown.code).toBe(1);
    expect(unknown.err).toContain('404');
    expect(neither.code).toBe(2);
  });
});
