// @module-tag redis_required
// Cost control as an operator sees it when an upstream begins to bill twice as much: drift rises, the
// breaker trips once, the alert arrives in a real Alertmanager, v1 reserves, and v2 comes back once.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Verified } from '../../src/cli/provenance/verify.ts';
import { decodeRecord } from '../../src/costsim/provenance.ts';
import type { CostsimBody } from '../../src/http/routes/costsim.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { ADMIN_TOKEN } from '../support/admin-api.ts';
import { anAlertmanager } from '../support/alertmanager.ts';
import { debianTool } from '../support/debian-tools.ts';
import { eventually } from '../support/eventually.ts';
import { startBuilt, startDaemonProcess } from '../support/process.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { useRedis, type TestRedis } from '../support/redis.ts';
import { startLoad } from '../support/steady-load.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();
const prometheus = await debianTool('prometheus');
const alertmanager = await debianTool('alertmanager');
const PATIENCE = { timeoutMs: 60_000, intervalMs: 200 };
const KEY = 'sk-for-this-test-alone';
const SLOTS = 8;

interface Addresses {
  readonly cell: string;
  readonly upstream: string;
  readonly alertmanagerUrl: string;
}

/** v2 reserves; what takes minutes in production takes seconds. */
function configuration(on: TestRedis, { cell, upstream, alertmanagerUrl }: Addresses): object {
  return {
    redis: { url: on.url },
    scheduler: { cell, recoveryMs: 0 },
    log: { level: 'error' },
    admin: { token: ADMIN_TOKEN },
    estimates: { estimator: 'v2' },
    costsim: {
      drift: { windowMs: 12_000, intervalMs: 1000, minSamples: 20 },
      breaker: { cooldownMs: 12_000, maxCooldownMs: 60_000 },
    },
    alerts: {
      alertmanager: { urls: [alertmanagerUrl] },
      refreshMs: 1000,
      holdMs: 500,
      retryMinMs: 50,
      retryMaxMs: 400,
    },
    budget: { currency: 'USD', global: { warn: 1000, stop: 2000 }, defaultOutputTokens: 20 },
    prices: { 'gpt-4': { input: 10, output: 30 } },
    pools: {
      openai: {
        baseUrl: `${upstream}/v1`,
        models: ['gpt-4'],
        accounts: [{ name: 'a1', maxConcurrency: SLOTS, credential: KEY }],
      },
    },
  };
}

async function aFleet() {
  const sim = await startSimulator({
    limits: { [KEY]: SLOTS },
    behaviour: { tokens: 20, bill: 'tokens', latencyMs: 20, chunkDelayMs: 0 },
  });
  onTestFinished(() => sim.stop());
  const receiver = await anAlertmanager({ program: alertmanager ?? '' });
  await receiver.start();
  const cell = store.cell();
  const cwd = await temporaryDirectory();
  const file = join(cwd, 'config.yaml');
  const addresses = { cell, upstream: sim.url, alertmanagerUrl: receiver.url };
  await writeFile(file, JSON.stringify(configuration(store, addresses)));
  const args = ['--config', file];
  const daemons = await Promise.all([0, 1].map(() => startDaemonProcess({ cwd, args })));
  const urls = daemons.map(({ url }) => url);
  const watcher = await startPrometheus({
    program: prometheus ?? '',
    daemons: urls,
    alertmanager: receiver.url,
  });
  const loads = urls.map((url) => startLoad(url, { clients: 4 }));
  onTestFinished(async () => {
    await Promise.all(loads.map((load) => load.stop()));
  });
  return { cell, sim, receiver, watcher, urls };
}

/** What a command prints as JSON. */
async function command<T>(url: string | undefined, args: readonly string[]): Promise<T> {
  const env = { SLOTKEEPER_URL: url ?? '', SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
  const run = startBuilt('cli/main.js', [...args, '--json'], { env });
  expect(await run.ended, run.stderr()).toEqual({ code: 0, signal: null });
  return JSON.parse(run.stdout()) as T;
}

const BASELINES = 20;

/** Baselines of before, brought in beside what daemons have recorded, and held against the store. */
async function verifyBaselines({ cell }: Fleet): Promise<Verified> {
  const file = join(await temporaryDirectory(), 'before.jsonl');
  const lines = Array.from({ length: BASELINES }, (_, i) => {
    const hash = createHash('sha256').update(`request ${i}`).digest('hex');
    const v1 = { input_tokens: 10 + i, output_tokens: 20 };
    return JSON.stringify({ input_hash: hash, model: 'gpt-4', v1 });
  });
  await writeFile(file, lines.join('\n'));
  const where = ['--file', file, '--redis', store.url, '--cell', cell];
  const brought = startBuilt('cli/main.js', ['provenance', 'backfill', ...where]);
  expect(await brought.ended, brought.stderr()).toEqual({ code: 0, signal: null });
  return await command(undefined, ['provenance', 'verify', ...where]);
}

type Fleet = Awaited<ReturnType<typeof aFleet>>;

async function valueOf({ watcher }: Fleet, expr: string): Promise<number> {
  const [sample] = await watcher.query(expr);
  return Number(sample?.value[1]);
}

/** The estimator that reserved for the last request. */
async function lastReservedBy({ cell }: Fleet): Promise<string | undefined> {
  const [entry] = await store.redis.xrevrange(cellKeys(cell).provenance, '+', '-', 'COUNT', 1);
  const [, [, text = '']] = entry ?? ['', []];
  return decodeRecord(text)?.reservedBy;
}

/** Names of the alerts that fire at the Alertmanager. */
async function arrived({ receiver }: Fleet): Promise<readonly string[]> {
  const now = Date.now();
  const alerts = (await receiver.alerts()).filter(({ endsAt }) => Date.parse(endsAt) > now);
  return alerts.map(({ labels }) => labels['alertname'] ?? '');
}

const STATE = 'max(costsim_cb_state)';
const DRIFT =
  'max(costsim_drift_ratio{estimator="v2",against="actual",model="all",quantile="0.95"})';

describe.skipIf(prometheus === undefined || alertmanager === undefined)(
  'an upstream that bills twice',
  () => {
    it('takes v2 out of service once, with an alert that arrives, and v2 comes back once', async () => {
      const fleet = await aFleet();
      await eventually(
        async () => expect(await valueOf(fleet, DRIFT)).toBeLessThan(0.15),
        PATIENCE,
      );
      expect(await lastReservedBy(fleet)).toBe('v2');

      fleet.sim.configure({ behaviour: { billFactor: 2 } });
      await eventually(async () => expect(await valueOf(fleet, STATE)).toBe(1), PATIENCE);
      fleet.sim.configure({ behaviour: { billFactor: 1 } });

      const seen = new Set<string | undefined>();
      await eventually(async () => {
        for (const name of await arrived(fleet)) seen.add(name);
        seen.add(await lastReservedBy(fleet));
        const wanted = ['CostSimBreakerTripped', 'CostSimV2CircuitBreakerOpen', 'v1'];
        expect([...seen]).toEqual(expect.arrayContaining(wanted));
      }, PATIENCE);

      await eventually(async () => {
        expect(await valueOf(fleet, STATE)).toBe(0);
        expect(await arrived(fleet)).toEqual([]);
      }, PATIENCE);
      const [url] = fleet.urls;
      const { breaker, history } = await command<CostsimBody>(url, ['costsim', 'status']);
      expect(breaker.state).toBe('closed');
      const kinds = history.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'tripped' || kind === 'recovered')).toEqual([
        'recovered',
        'tripped',
      ]);
      expect(await valueOf(fleet, 'sum(costsim_cb_disabled_total)')).toBe(1);
      expect(await valueOf(fleet, 'sum(costsim_cb_auto_recovery_total)')).toBe(1);
      await eventually(async () => {
        const { deliveries } = await command<{ readonly deliveries: readonly unknown[] }>(url, [
          'alerts',
          'list',
        ]);
        expect(deliveries).toEqual([]);
      }, PATIENCE);
      const { identical, different, missing, held } = await verifyBaselines(fleet);
      expect({ identical, different, missing }).toEqual({
        identical: BASELINES,
        different: 0,
        missing: 0,
      });
      expect(held).toBeGreaterThan(BASELINES);
    });
  },
);
