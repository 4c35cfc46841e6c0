// @module-tag redis_required
// The built command line, as operators run it: what it prints and how it exits.
import { describe, expect, it } from 'vitest';
import { demoConfig } from '../../src/config/load.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { startBuilt, startDaemonProcess } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();
const COMMANDS = ['serve', 'counters', 'audit', 'reap', 'sim', 'load'];
const TARGETS = [{ pool: 'openai', model: 'gpt-4' }];

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = startBuilt('cli/main.js', args, { env });
  const { code } = await command.ended;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

/** A configured cell of the demonstration's accounts with one slot taken. */
async function aCellInUse(leaseMs = 30_000) {
  const cell = store.cell();
  const config = demoConfig({ env: { SLOTKEEPER_RECOVERY_MS: '0', SLOTKEEPER_CELL: cell } });
  const redis = await store.connect();
  const scheduler = new Scheduler({
    ...config.scheduler,
    redis,
    keyStyle: 'plain',
    timeoutMs: 5000,
  });
  await scheduler.configure(config.accounts);
  const lease = await scheduler.acquire({ targets: TARGETS, leaseMs, renewal: 'by-holder' });
  return { cell, lease, at: ['--redis', store.url, '--cell', cell] };
}

describe('the command line', () => {
  it('explains itself and every command, with exit code 0', async () => {
    const all = await run(['--help']);
    const each = await Promise.all(COMMANDS.map((command) => run([command, '--help'])));

    expect(all.code).toBe(0);
    for (const command of COMMANDS) expect(all.stdout).toContain(`  ${command} `);
    for (const { code, stdout } of each) {
      expect(code).toBe(0);
      expect(stdout).toContain('Usage: slotkeeper');
    }
  });

  it.each([
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['counters', '--frobnicate']],
    ['a cell that is no name', ['counters', '--cell', 'a b']],
    ['two stores', ['counters', '--redis', 'redis://127.0.0.1:1', '--socket', '/nowhere']],
    ['a store that is no URL', ['audit', '--redis', 'nowhere']],
    ['a configuration that is not there', ['serve', '--config', '/nowhere.yaml']],
  ])('exits with 2 and one line for %s', async (_what, args) => {
    const { code, stdout, stderr } = await run(args);

    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each(['counters', 'audit', 'reap'])(
    '%s exits with 1 and one line without secrets when the store is away',
    async (command) => {
      const { code, stdout, stderr } = await run([command], {
        REDIS_URL: 'redis://user:hunter2@127.0.0.1:1',
      });

      expect(code).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^slotkeeper: .*127\.0\.0\.1:1.*\n$/);
      expect(stderr).not.toContain('hunter2');
    },
  );
});

describe('slotkeeper counters', () => {
  it('prints accounts, models and leases as a table', async () => {
    const { at, lease } = await aCellInUse();

    const { code, stdout } = await run(['counters', ...at]);

    expect(code).toBe(0);
    const row = stdout.split('\n').find((line) => line.startsWith(lease.account));
    expect(row?.trim().split(/\s+/)).toEqual([
      lease.account,
      'openai',
      lease.account.replace('sim-', ''),
      '1',
    ]);
    expect(stdout).toContain('leases: 1');
  });

  it('prints the same as JSON', async () => {
    const { at, lease } = await aCellInUse();

    const { stdout } = await run(['counters', '--json', ...at]);

    const { accounts, models, leases } = JSON.parse(stdout) as {
      accounts: { account: string; inFlight: number }[];
      models: { model: string; inFlight: number }[];
      leases: number;
    };
    expect(accounts.find(({ account }) => account === lease.account)).toMatchObject({
      inFlight: 1,
    });
    expect(models.find(({ model }) => model === 'gpt-4')).toMatchObject({ inFlight: 1 });
    expect(leases).toBe(1);
  });
});

describe('a command without a store named', () => {
  it('looks at the daemon that runs in the same directory', async () => {
    const cwd = await temporaryDirectory();
    await using daemon = await startDaemonProcess({ cwd });

    const counters = startBuilt('cli/main.js', ['counters'], { cwd });
    const { code } = await counters.ended;

    expect(daemon.url).toContain('http://127.0.0.1:');
    expect(code).toBe(0);
    expect(counters.stdout()).toContain('sim-100');
  });

  it('says where it looked when none runs there', async () => {
    const cwd = await temporaryDirectory();

    const counters = startBuilt('cli/main.js', ['counters'], { cwd });
    const { code } = await counters.ended;

    expect(code).toBe(1);
    expect(counters.stderr()).toMatch(/^slotkeeper: .*\.slotkeeper\/redis\.sock.*--redis.*\n$/);
  });
});

describe('slotkeeper audit', () => {
  it('exits with 0 when all counters agree with the leases', async () => {
    const { at } = await aCellInUse();

    const { code, stdout } = await run(['audit', ...at]);

    expect([code, stdout]).toEqual([0, 'No difference; 1 leases checked.\n']);
  });

  it('exits with 1 and names the counter that was changed behind its back', async () => {
    const { at, cell } = await aCellInUse();
    await store.redis.incr(`concurrency:{${cell}}:openai:gpt-4`);

    const plain = await run(['audit', ...at]);
    const json = await run(['audit', '--json', ...at]);

    expect(plain.code).toBe(1);
    expect(plain.stdout).toContain('gpt-4');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      differences: [{ expected: 1, found: 2 }],
      leases: 1,
    });
  });
});

describe('slotkeeper reap', () => {
  it('takes back what has expired, and nothing else', async () => {
    const held = await aCellInUse();
    const expired = await aCellInUse(100);
    // The store's clock decides; nothing but its passing makes a lease expire.
    while (Number((await store.redis.time())[0]) * 1000 < expired.lease.expiresAtMs + 1000) {
      await new Promise((resolve) => setImmediate(resolve));
    }

    const nothing = await run(['reap', ...held.at]);
    const one = await run(['reap', ...expired.at]);
    const again = await run(['reap', ...expired.at]);

    expect([nothing.stdout, one.stdout, again.stdout]).toEqual([
      '0 slots reaped.\n',
      '1 slot reaped.\n',
      '0 slots reaped.\n',
    ]);
  });

  it('finds nothing in a cell that nobody has configured', async () => {
    const { code, stdout } = await run(['reap', '--redis', store.url, '--cell', store.cell()]);

    expect([code, stdout]).toEqual([0, '0 slots reaped.\n']);
  });
});
