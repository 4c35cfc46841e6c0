// @module-tag redis_required
// Cost control as an operator meets it: daemons that begin with nothing learned, an upstream that bills
// double, the breaker, a real Alertmanager, a daemon that is killed meanwhile, and the way back.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { ADMIN_TOKEN } from '../support/admin-api.ts';
import { anAlertmanager, aListener, notified } from '../support/alertmanager.ts';
import { debianTool } from '../support/debian-tools.ts';
import { eventually } from '../support/eventually.ts';
import { startBuilt, startDaemonProcess, type RunningDaemon } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const program = (await debianTool('alertmanager')) ?? '';
const PATIENCE = { timeoutMs: 30_000, intervalMs: 100 };
const ALERT = 'CostSimBreakerTripped';

/** 12 s of window, incidents that cannot be reached, 6 s of cool-down. */
function configOf(places: { readonly store: string; readonly sim: string; readonly am: string }) {
  const accounts = [{ name: 'team-a', maxConcurrency: 20, credential: 'key-a' }];
  return {
    redis: { url: places.store },
    admin: { token: ADMIN_TOKEN },
    pools: { openai: { baseUrl: `${places.sim}/v1`, models: ['gpt-4o'], accounts } },
    prices: { 'gpt-4o': { input: 2.5, output: 10 } },
    budget: { global: { warn: 500, stop: 1000, period: 'day' } },
    estimates: { estimator: 'v2' },
    costsim: {
      drift: { windowMs: 12_000, intervalMs: 60_000, minSamples: 20 },
      breaker: { cooldownMs: 6000 },
    },
    // A killed leader is followed well before its alerts run out: four intervals of refreshMs.
    leader: { lifeMs: 3000 },
    // Held longer than the group_wait of the test's Alertmanager.
    alerts: { alertmanager: { urls: [places.am] }, refreshMs: 2000, holdMs: 500 },
  };
}

async function startFleet() {
  const people = await aListener();
  const alertmanager = await anAlertmanager({ program, notify: people.url });
  await alertmanager.start();
  const server = inject('redisServer');
  const redis = await startEmbeddedRedis({ dataDir: await temporaryDirectory(), server });
  onTestFinished(() => redis.stop());
  const sim = await startSimulator({ behaviour: { bill: 'tokens', tokens: 50 } });
  onTestFinished(() => sim.stop());
  const file = join(await temporaryDirectory(), 'config.yaml');
  const places = { store: redis.url, sim: sim.url, am: alertmanager.url };
  await writeFile(file, JSON.stringify(configOf(places)));
  const start = () => startDaemonProcess({ args: ['--config', file] });
  const daemons = await Promise.all([start(), start(), start()]);
  const bill = async (billFactor: number): Promise<void> => {
    const body = JSON.stringify({ behaviour: { billFactor } });
    await fetch(`${sim.url}/_sim/configure`, { method: 'POST', body });
  };
  return { daemons, bill, alertmanager, people };
}

/** Each daemon is asked so often. */
async function load(daemons: readonly RunningDaemon[], each: number): Promise<void> {
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] });
  const headers = { 'content-type': 'application/json' };
  for (let i = 0; i < each; i += 1) {
    const asked = daemons.map(({ url }) =>
      fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body }),
    );
    for (const answer of await Promise.all(asked)) {
      expect(answer.status).toBe(200);
      await answer.text();
    }
  }
}

/** Who reserved for the last request, as each daemon's access log tells it. */
async function reservers(daemons: readonly RunningDaemon[]): Promise<readonly string[]> {
  const counts = daemons.map((daemon) => reservedIn(daemon).length);
  await load(daemons, 1);
  return eventually(() => {
    const all = daemons.map(reservedIn);
    expect(all.every((lines, i) => lines.length > (counts[i] ?? 0))).toBe(true);
    return all.map((lines) => lines.at(-1) ?? '');
  });
}

function reservedIn(daemon: RunningDaemon): readonly string[] {
  const text = daemon.stdout() + daemon.stderr();
  return [...text.matchAll(/"reservedBy":"(v\d)"/g)].map(([, name = '']) => name);
}

async function metric({ url }: RunningDaemon, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function untilState(daemons: readonly RunningDaemon[], state: 0 | 1): Promise<void> {
  await eventually(async () => {
    const all = await Promise.all(daemons.map((one) => metric(one, 'costsim_cb_state')));
    expect(all).toEqual(daemons.map(() => state));
  }, PATIENCE);
}

async function status({ url }: RunningDaemon): Promise<string> {
  const env = { SLOTKEEPER_URL: url, SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
  await using command = startBuilt('cli/main.js', ['costsim', 'status'], { env });
  await command.ended;
  return command.stdout() + command.stderr();
}

/** What happened to the breaker, the latest first; of the cell, whoever did it. */
async function changes({ url }: RunningDaemon): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const answer = await fetch(`${url}/costsim/breaker?history=50`, { headers });
  const { history } = (await answer.json()) as { history: readonly { kind: string }[] };
  return history.map(({ kind }) => kind).filter((kind) => kind !== 'warned');
}

describe.skipIf(program === '')('an upstream that begins to bill double', () => {
  it('takes v2 out of service once, tells people once, and v2 comes back once', async () => {
    const { daemons, bill, alertmanager, people } = await startFleet();
    const [first, second, doomed] = daemons as readonly [
      RunningDaemon,
      RunningDaemon,
      RunningDaemon,
    ];
    await load(daemons, 30);
    await eventually(async () => {
      await load(daemons, 1);
      expect(await status(first)).toMatch(/^v2 +actual +gpt-4o +[2-9]\d +\d\.\d %/m);
    }, PATIENCE);
    const before = { reservers: await reservers(daemons), changes: await changes(first) };

    await bill(2);
    await eventually(async () => {
      await load(daemons, 2);
      expect(await metric(first, 'costsim_cb_state')).toBe(1);
    }, PATIENCE);
    await untilState(daemons, 1);
    doomed.kill('SIGKILL');
    const left = [first, second];
    const open = { reservers: await reservers(left), changes: await changes(first) };
    await bill(1);
    const firing = await eventually(async () => {
      const found = await alertmanager.alerts();
      expect(found.map(({ labels }) => labels['alertname'])).toContain(ALERT);
      return found;
    }, PATIENCE);

    expect(before).toEqual({ reservers: ['v2', 'v2', 'v2'], changes: [] });
    expect(open).toEqual({ reservers: ['v1', 'v1'], changes: ['tripped'] });
    expect(firing.map(({ labels }) => labels)).toEqual([
      { alertname: ALERT, severity: 'P1', service: 'slotkeeper', cell: 'main' },
    ]);

    await untilState(left, 0);
    await load(left, 20);
    expect(await changes(second)).toEqual(['recovered', 'tripped']);
    await eventually(() => {
      expect(notified(people).get(ALERT)).toEqual(['firing', 'resolved']);
    }, PATIENCE);

    const recovered = await Promise.all(
      left.map((one) => metric(one, 'costsim_cb_auto_recovery_total')),
    );
    expect(recovered.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await reservers(left)).toEqual(['v2', 'v2']);
    expect(await changes(second)).toEqual(['recovered', 'tripped']);
    expect(await alertmanager.alerts()).toEqual([]);
  }, 90_000);
});
