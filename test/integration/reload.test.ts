// @module-tag redis_required
// A daemon takes another configuration while it serves: all of it at once or nothing, and no request
// is hurt. On a real store and the simulated upstream.
import { rename, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { startDaemon } from '../../src/daemon.ts';
import { configSource } from '../../src/reload.ts';
import { chat } from '../support/demo-daemon.ts';
import { accountOf } from '../support/account-labels.ts';
import { eventually } from '../support/eventually.ts';
import { aFile, served, startLive, type LiveDaemon } from '../support/live-daemon.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();

function ask(
  { url }: Pick<LiveDaemon, 'url'>,
  headers: Record<string, string> = {},
  model = 'gpt-4',
) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });
}

describe('a reload', () => {
  it('brings accounts, pools and routes in, and others out', async () => {
    const daemon = await startLive(store);
    const { openai } = daemon.file.pools;
    const third = { name: 'a3', maxConcurrency: 4, credential: 'key-3' };
    daemon.file.pools = { other: { ...openai!, accounts: [third] } };
    daemon.file.routes = { deep: { targets: [{ pool: 'other', model: 'gpt-4' }] } };

    const { result, changes } = await daemon.reloaded();

    expect(result).toBe('applied');
    expect(changes).toEqual(['routes.gpt-4.targets', 'routes.deep', ...accountsChanged]);
    const { statuses, accounts } = await served(daemon.url, () => ask(daemon, {}, 'deep'), 4);
    expect([statuses, accounts]).toEqual([[200], ['a3']]);
    expect(await daemon.metrics()).toContain(
      'slotkeeper_account_limit{pool="other",account="a3"} 4',
    );
  });

  it('says that nothing has changed where nothing has', async () => {
    const daemon = await startLive(store);

    const { result, changes } = await daemon.reloaded();

    expect([result, changes]).toEqual(['unchanged', []]);
  });

  it('takes over keys, tenants, their limits and the admin’s own token', async () => {
    const daemon = await startLive(store);
    const before = await ask(daemon);
    daemon.file.tenants = { t: { keys: ['a-key-of-tenant-t'], requestsPerMinute: 1 } };

    await daemon.reloaded();

    const key = { 'x-api-key': 'a-key-of-tenant-t' };
    const first = await ask(daemon, key);
    const second = await ask(daemon, key);
    const without = await ask(daemon);
    const all = [before, first, second, without];
    await Promise.all(all.map((answer) => answer.text()));
    expect(all.map(({ status }) => status)).toEqual([200, 200, 429, 401]);
    daemon.file.admin = { token: 'another-token-0123456789' };
    await daemon.reloaded();
    expect((await daemon.admin('POST', '/reload')).status).toBe(401);
  });

  it('takes over prices and budgets', async () => {
    const daemon = await startLive(store);
    Object.assign(daemon.file, {
      budget: { currency: 'USD', global: { stop: 0.000001, warn: 0.000001 } },
      prices: { 'gpt-4': { input: 30, output: 60 } },
    });

    await daemon.reloaded();

    const answer = await ask(daemon);
    const body = (await answer.json()) as { error: { rule: string } };
    expect([answer.status, body.error.rule]).toEqual([429, 'budget_stop']);
  });

  it('takes over time limits, sizes and the level of the log', async () => {
    const daemon = await startLive(store);
    Object.assign(daemon.file, { server: { port: 0, maxBodyBytes: 1024 }, log: { level: 'warn' } });
    daemon.file.pools['openai']!['timeouts'] = { headersTimeoutMs: 50 };

    await daemon.reloaded();

    const slow = await chat(daemon.url, { content: '[sim fault=hang]' });
    const large = await chat(daemon.url, { content: 'x'.repeat(2000) });
    await Promise.all([slow.text(), large.text()]);
    expect([slow.status, large.status]).toEqual([504, 413]);
    expect(daemon.logged()).not.toContain('"status":504');
  });

  it('with faults changes nothing, and names all of them', async () => {
    const daemon = await startLive(store);
    daemon.file.server.port = 1;
    daemon.file.scheduler['cell'] = 'other';
    daemon.file.pools['openai']!.accounts[0]!['maxConcurrency'] = 0;
    daemon.file.routes = { deep: { targets: [{ pool: 'nowhere', model: 'm' }] } };

    const { status, body } = await daemon.admin('POST', '/reload');

    expect(status).toBe(422);
    const { message } = body.error as { message: string };
    for (const name of ['server.port', 'scheduler.cell', 'maxConcurrency', 'routes.deep']) {
      expect(message).toContain(name);
    }
    const { statuses, accounts } = await served(daemon.url, () => ask(daemon), 8);
    expect([statuses, accounts.sort()]).toEqual([[200], ['a1', 'a2']]);
    expect(await daemon.metrics()).toContain('slotkeeper_reloads_total{result="refused"} 1');
  });

  it('lets a running request end at its account, which is gone, and its slot comes back', async () => {
    const daemon = await startLive(store, {
      first: (file) => (file.pools['openai']!.accounts.length = 1),
    });
    const running = chat(daemon.url, { content: '[sim latency=500]' });
    await eventually(async () => expect(await daemon.inFlightOf('a1')).toBe(1));
    const third = { name: 'a3', maxConcurrency: 4, credential: 'key-3' };
    daemon.file.pools['openai']!.accounts = [third];

    await daemon.reloaded();
    const later = await ask(daemon);
    const answer = await running;

    await Promise.all([later.text(), answer.text()]);
    const from = (one: Response) => [one.status, accountOf(one)];
    expect([from(answer), from(later)]).toEqual([
      [200, 'a1'],
      [200, 'a3'],
    ]);
    await eventually(async () => expect(await daemon.inFlightOf('a1')).toBe(0));
  });

  it('lets a request that waits be served by an account that it brings', async () => {
    const daemon = await startLive(store, {
      first: (file) => {
        file.pools['openai']!.accounts.length = 1;
        file.pools['openai']!.accounts[0]!['maxConcurrency'] = 1;
      },
    });
    const running = chat(daemon.url, { content: '[sim latency=1500]' });
    await eventually(async () => expect(await daemon.inFlightOf('a1')).toBe(1));
    const waiting = ask(daemon);
    await eventually(async () =>
      expect(await daemon.metrics()).toContain('slotkeeper_queue_waiting 1'),
    );
    daemon.file.pools['openai']!.accounts.push({
      name: 'a3',
      maxConcurrency: 1,
      credential: 'key-3',
    });

    await daemon.reloaded();
    const answer = await waiting;

    await Promise.all([answer.text(), running.then((one) => one.text())]);
    expect([answer.status, accountOf(answer)]).toEqual([200, 'a3']);
  });
});

const accountsChanged = ['accounts.a1', 'accounts.a2', 'accounts.a3'];

describe('a configuration file', () => {
  /** A daemon that reads a file, as the product does. */
  async function startFromFile() {
    const directory = await temporaryDirectory();
    const path = `${directory}/slotkeeper.config.yaml`;
    const file = aFile('http://127.0.0.1:1', store, store.cell());
    const write = (to: string) => writeFile(to, JSON.stringify(file));
    await write(path);
    const env = {};
    const source = await configSource({ env, path });
    const config = await loadConfig({ env, path });
    const daemon = await startDaemon({ config, source, env: process.env });
    onTestFinished(() => daemon.stop());
    const models = async () => {
      const answer = await fetch(`${daemon.url}/v1/models`);
      return ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
    };
    return { daemon, path, file, write, models };
  }

  it('is read again when it is written', async () => {
    const { path, file, write, models } = await startFromFile();
    file.routes = { deep: { targets: [{ pool: 'openai', model: 'gpt-4' }] } };

    await write(path);

    await eventually(async () => expect(await models()).toContain('deep'));
  });

  it('is read again when an editor puts another file in its place, more than once', async () => {
    const { path, file, write, models } = await startFromFile();

    for (const alias of ['one', 'two']) {
      file.routes = { [alias]: { targets: [{ pool: 'openai', model: 'gpt-4' }] } };
      await write(`${path}.new`);
      await rename(`${path}.new`, path);
      await eventually(async () => expect(await models()).toContain(alias));
    }
  });

  it('that is broken leaves the daemon as it was, until it is mended', async () => {
    const { daemon, path, file, write, models } = await startFromFile();
    await writeFile(path, 'pools: [');

    await expect(daemon.reload()).rejects.toMatchObject({ code: 'config_invalid' });

    expect(await models()).toEqual(['gpt-4']);
    file.routes = { deep: { targets: [{ pool: 'openai', model: 'gpt-4' }] } };
    await write(path);
    await eventually(async () => expect(await models()).toContain('deep'));
  });
});
