// @module-tag redis_required
// The big switch of a pool: enforced, observed or off, for all or a part of its requests, on every
// daemon of the cell within a second, and what was taken before it comes back after it.
import { describe, expect, it } from 'vitest';
import { chat } from '../support/demo-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startLive, type File, type LiveDaemon } from '../support/live-daemon.ts';
import { startLoad } from '../support/steady-load.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** One slot in all, and nobody waits for it. */
function tight(file: File): void {
  const { openai } = file.pools;
  openai!.accounts.length = 1;
  openai!.accounts[0]!['maxConcurrency'] = 1;
  file.scheduler['waitMs'] = 0;
}

const ended = async (answer: Response) => {
  await answer.text();
  return answer.status;
};

async function turn(daemon: LiveDaemon, scheduling: string, percent?: number): Promise<void> {
  const { status, body } = await daemon.admin('PUT', '/switches/openai', { scheduling, percent });
  expect(status, JSON.stringify(body)).toBe(200);
}

/** Holds the one slot for `ms`. */
async function occupy(daemon: LiveDaemon, ms: number) {
  const running = chat(daemon.url, { content: `[sim latency=${ms}]` });
  await eventually(async () => expect(await daemon.inFlightOf('a1')).toBe(1));
  return { status: running.then(ended) };
}

describe('a pool that is observed', () => {
  it('decides and counts, and lets run whom it would have refused', async () => {
    const daemon = await startLive(store, { first: tight });
    await turn(daemon, 'observe');
    const running = await occupy(daemon, 1000);

    const status = await ended(await chat(daemon.url));

    expect(status).toBe(200);
    expect(await daemon.inFlightOf('a1')).toBe(1);
    const told = 'pool="openai",scheduling="observe"';
    const text = await daemon.metrics();
    expect(text).toContain(`slotkeeper_unscheduled_requests_total{${told},reason="pool_full"} 1`);
    expect(text).toMatch(
      new RegExp(`slotkeeper_unscheduled_window_seconds_total\\{${told}\\} 0\\.\\d`),
    );
    expect(daemon.logged()).toContain('may be oversold from now on');
    expect(await running.status).toBe(200);
    await eventually(async () => expect(await daemon.inFlightOf('a1')).toBe(0));
  });

  it('refuses again as soon as it is enforced', async () => {
    const daemon = await startLive(store, { first: tight });
    await turn(daemon, 'observe');
    await turn(daemon, 'enforce');
    const running = await occupy(daemon, 1000);

    const status = await ended(await chat(daemon.url));

    expect([status, await running.status]).toEqual([429, 200]);
  });
});

describe('a pool that is off', () => {
  it('asks nobody for a slot, and gives back what was taken before', async () => {
    const daemon = await startLive(store, { first: tight });
    const running = await occupy(daemon, 1000);
    await turn(daemon, 'off');

    const statuses = await Promise.all([1, 2, 3].map(async () => ended(await chat(daemon.url))));

    expect(statuses).toEqual([200, 200, 200]);
    expect(await daemon.inFlightOf('a1')).toBe(1);
    expect(await daemon.metrics()).toContain('scheduling="off",reason="none"} 3');
    expect(await running.status).toBe(200);
    await eventually(async () => expect(await daemon.inFlightOf('a1')).toBe(0));
  });

  it('is off for that part of the sessions alone, always the same ones', async () => {
    const daemon = await startLive(store, { first: tight });
    const running = await occupy(daemon, 3000);
    await turn(daemon, 'off', 50);
    const askAll = () =>
      Promise.all(
        Array.from({ length: 60 }, async (_, i) => {
          const headers = {
            'content-type': 'application/json',
            'x-slotkeeper-session': `session-${i}`,
          };
          const body = JSON.stringify({ model: 'gpt-4', messages: [] });
          const url = `${daemon.url}/v1/chat/completions`;
          return ended(await fetch(url, { method: 'POST', headers, body }));
        }),
      );

    const [first, second] = [await askAll(), await askAll()];

    expect(second).toEqual(first);
    const through = first.filter((status) => status === 200).length;
    expect(through).toBeGreaterThan(15);
    expect(through).toBeLessThan(45);
    await running.status;
  });

  it('grants through the Scheduler API leases that renew and end like others', async () => {
    const daemon = await startLive(store, { first: tight });
    await turn(daemon, 'off');

    const granted = await daemon.call('POST', '/scheduler/slots', { route: 'gpt-4' });
    const { requestId, fence } = granted.body as { requestId: string; fence: number } & object;
    const path = `/scheduler/slots/${requestId}`;
    const renewed = await daemon.call('POST', `${path}/renew`, { fence });
    const released = await daemon.call('DELETE', path, { fence });

    expect([granted.status, renewed.status, released.body]).toEqual([
      201,
      200,
      { result: 'already' },
    ]);
    expect(await daemon.inFlightOf('a1')).toBe(0);
  });
});

describe('a switch', () => {
  it('is heeded by other daemons of the cell within a second, and outlives them', async () => {
    const one = await startLive(store, { first: tight });
    const other = await startLive(store, { first: tight, cell: one.cell });
    const seen: number[] = [];

    for (const scheduling of ['off', 'enforce', 'observe']) {
      const begun = performance.now();
      await turn(one, scheduling);
      await eventually(async () => {
        const { body } = await other.admin('GET', '/switches');
        expect(body['switches']).toMatchObject([{ pool: 'openai', scheduling }]);
      });
      seen.push(performance.now() - begun);
    }
    const third = await startLive(store, { first: tight, cell: one.cell });

    expect(Math.max(...seen)).toBeLessThan(1000);
    expect((await third.admin('GET', '/switches')).body['switches']).toMatchObject([
      { scheduling: 'observe' },
    ]);
  });

  it('turned a hundred times under load leaves no slot behind and refuses nobody', async () => {
    const daemon = await startLive(store);
    const load = startLoad(daemon.url, { clients: 20, content: '[sim latency=5]' });
    const ways = ['off', 'enforce', 'observe'];

    for (let i = 0; i < 100; i += 1) {
      await turn(daemon, ways[i % 3]!, i % 2 === 0 ? 100 : 50);
      await load.answered(5);
    }
    const { statuses } = await load.stop();

    // The upstream itself refuses what is oversold: that is what a window means.
    expect([...statuses].filter((status) => ![200, 429].includes(status))).toEqual([]);
    const text = await daemon.metrics();
    for (const scheduling of ['off', 'observe']) {
      expect(text).toMatch(
        new RegExp(`window_seconds_total\\{pool="openai",scheduling="${scheduling}"`),
      );
    }
    expect(text).toContain('scheduling="off",reason="none"');
    await eventually(async () => {
      expect([await daemon.inFlightOf('a1'), await daemon.inFlightOf('a2')]).toEqual([0, 0]);
      expect(await daemon.metrics()).toContain('slotkeeper_cell_leases 0');
    });
  });

  it('of a pool that is not there, or to what is none, is refused', async () => {
    const daemon = await startLive(store);

    const answers = await Promise.all([
      daemon.admin('PUT', '/switches/nowhere', { scheduling: 'off' }),
      daemon.admin('PUT', '/switches/openai', { scheduling: 'perhaps' }),
      daemon.admin('PUT', '/switches/openai', { scheduling: 'off', percent: 101 }),
      daemon.call('PUT', '/admin/switches/openai', { scheduling: 'off' }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 400, 400, 401]);
  });
});
