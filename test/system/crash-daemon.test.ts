// @module-tag redis_required
// A daemon that dies, or is told to stop, while it holds slots: every one of them comes back.
import { describe, expect, it } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { eventually } from '../support/eventually.ts';
import { startDaemonProcess } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { chat, chats, expectAtRest, expiries, inFlight, metric } from './crash-cell.ts';

const store = useRedis();
const LEASE_MS = 2000;
const REAP_MS = 500;
/** What two busy cores may add to a promise in ms. */
const TOLERANCE_MS = 2000;

async function aDaemon(cell: string, env: Readonly<Record<string, string>> = {}) {
  const settings = {
    REDIS_URL: store.url,
    SLOTKEEPER_CELL: cell,
    SLOTKEEPER_LEASE_MS: String(LEASE_MS),
    SLOTKEEPER_REAP_INTERVAL_MS: String(REAP_MS),
    SLOTKEEPER_RECOVERY_MS: '100',
    SLOTKEEPER_LOG_LEVEL: 'error',
  };
  const cwd = await temporaryDirectory();
  return await startDaemonProcess({ cwd, env: { ...settings, ...env } });
}

describe('kill -9 of a daemon', () => {
  it('that holds 50 slots gives them back within a lease and a reap interval', async () => {
    const observed = { redis: store.redis, cell: store.cell() };
    const dying = await aDaemon(observed.cell);
    await using survivor = await aDaemon(observed.cell);
    const pending = chats(dying.url, 50, '[sim fault=hang]');
    await eventually(async () => expect(await inFlight(observed)).toBe(50));
    const granted = Math.max(...(await expiries(observed)));
    await eventually(async () => {
      // All of them were renewed: it is the death that ends them, not their first expiry.
      expect(Math.min(...(await expiries(observed)))).toBeGreaterThan(granted);
    });

    dying.kill('SIGKILL');
    const killedAt = performance.now();
    await eventually(async () => expect(await inFlight(observed)).toBe(0));
    const backAfterMs = performance.now() - killedAt;

    expect(backAfterMs).toBeLessThan(LEASE_MS + REAP_MS + TOLERANCE_MS);
    expect(new Set(await pending)).toEqual(new Set([0]));
    expect(await metric(survivor.url, 'slotkeeper_slots_reaped_total')).toBe(50);
    await expectAtRest(observed);
    expect(await chat(survivor.url)).toBe(200);
  });

  it('leaves the slots of the others alone', async () => {
    const observed = { redis: store.redis, cell: store.cell() };
    const dying = await aDaemon(observed.cell);
    await using survivor = await aDaemon(observed.cell);
    void chats(dying.url, 20, '[sim fault=hang]');
    const served = chats(survivor.url, 20, `[sim latency=${3 * LEASE_MS}]`);
    await eventually(async () => expect(await inFlight(observed)).toBe(40));

    dying.kill('SIGKILL');
    await eventually(async () => expect(await inFlight(observed)).toBe(20));
    const statuses = await served;

    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await metric(survivor.url, 'slotkeeper_leases_lost_total')).toBe(0);
    await eventually(() => expectAtRest(observed));
  });

  it('with its own Redis: the next start on its data takes its slots back and serves', async () => {
    const cwd = await temporaryDirectory();
    const env = { SLOTKEEPER_LEASE_MS: String(LEASE_MS), SLOTKEEPER_LOG_LEVEL: 'error' };
    const dying = await startDaemonProcess({ cwd, env });
    void chats(dying.url, 50, '[sim fault=hang]');
    await eventually(async () => {
      expect(await metric(dying.url, 'slotkeeper_held_leases')).toBe(50);
      expect(await metric(dying.url, 'slotkeeper_cell_leases')).toBe(50);
    });
    dying.kill('SIGKILL');
    await dying.ended;

    await using next = await startDaemonProcess({ cwd, env });
    const held = await metric(next.url, 'slotkeeper_cell_leases');
    const status = await chat(next.url);

    expect(held).toBe(50);
    expect(status).toBe(200);
    await eventually(async () => {
      expect(await metric(next.url, 'slotkeeper_slots_reaped_total')).toBe(50);
    });
    const socket = await next.waitFor(/(\/\S+redis\.sock)/);
    const redis = await connectRedis(`unix://${socket[1] ?? ''}`, {
      timeoutMs: 5000,
      name: 'test',
    });
    await expectAtRest({ redis, cell: 'main' }).finally(() => redis.disconnect());
  });
});

describe('SIGTERM under load', () => {
  it('lets every running request end, gives every slot back and exits 0', async () => {
    const observed = { redis: store.redis, cell: store.cell() };
    const daemon = await aDaemon(observed.cell);
    const pending = chats(daemon.url, 60, '[sim latency=800]');
    await eventually(async () => expect(await inFlight(observed)).toBe(60));

    daemon.kill('SIGTERM');
    const { code } = await daemon.ended;

    expect(code).toBe(0);
    expect(new Set(await pending)).toEqual(new Set([200]));
    await expectAtRest(observed);
  });

  it('cuts requests that outlast the grace, and gives their slots back too', async () => {
    const observed = { redis: store.redis, cell: store.cell() };
    const daemon = await aDaemon(observed.cell, { SLOTKEEPER_SHUTDOWN_GRACE_MS: '300' });
    const pending = chats(daemon.url, 30, '[sim fault=hang]');
    await eventually(async () => expect(await inFlight(observed)).toBe(30));

    daemon.kill('SIGTERM');
    const { code } = await daemon.ended;

    expect(code).toBe(0);
    expect(await pending).not.toContain(200);
    await expectAtRest(observed);
  });
});
