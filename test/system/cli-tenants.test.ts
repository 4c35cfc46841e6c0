// @module-tag redis_required
// Tenants and keys from the built command line, against a built daemon: a key's whole life.
import { describe, expect, it } from 'vitest';
import { startBuilt, startDaemonProcess } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const TOKEN = 'admin-token-0123456789';

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = startBuilt('cli/main.js', args, { env });
  const { code } = await command.ended;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

function anEnvironment() {
  return {
    REDIS_URL: store.url,
    SLOTKEEPER_CELL: store.cell(),
    SLOTKEEPER_RECOVERY_MS: '0',
    SLOTKEEPER_ADMIN_TOKEN: TOKEN,
  };
}

function commandsOf({ url }: { readonly url: string }) {
  const env = { SLOTKEEPER_URL: url, SLOTKEEPER_ADMIN_TOKEN: TOKEN };
  return (...args: string[]) => run(args, env);
}

describe('slotkeeper keys', () => {
  it('creates a key on stdout alone, lists it without its secret, and revokes it', async () => {
    await using daemon = await startDaemonProcess({ env: anEnvironment() });
    const slotkeeper = commandsOf(daemon);
    const created = await fetch(`${daemon.url}/admin/tenants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'acme', weight: 4 }),
    });
    expect(created.status).toBe(201);
    const models = async (key: string) =>
      (await fetch(`${daemon.url}/v1/models`, { headers: { 'x-api-key': key } })).status;

    const tenants = await slotkeeper('tenants', 'list');
    const made = await slotkeeper('keys', 'create', '--tenant', 'acme', '--expires-in', '1d');
    const key = made.stdout.trim();
    const opened = await models(key);
    const listed = await slotkeeper('keys', 'list', '--json');
    const [{ id }] = JSON.parse(listed.stdout) as [{ id: string }];
    const revoked = await slotkeeper('keys', 'revoke', id);
    const closed = await models(key);

    expect(tenants.stdout).toMatch(/^acme +admin +4 /m);
    expect(key).toMatch(/^sk-slot-\w{32}$/);
    expect([opened, closed]).toEqual([200, 401]);
    expect(listed.stdout).not.toContain(key);
    expect([made.code, listed.code, revoked.code]).toEqual([0, 0, 0]);
  });

  it('says in one line what is wrong, without the token', async () => {
    await using daemon = await startDaemonProcess({ env: anEnvironment() });
    const slotkeeper = commandsOf(daemon);
    const wrong = 'wrong-token-0123456789';

    const nobody = await slotkeeper('keys', 'create', '--tenant', 'nobody');
    const refused = await run(['keys', 'list', '--url', daemon.url, '--token', wrong]);
    const tokenless = await run(['keys', 'list', '--url', daemon.url]);
    const away = await run(['tenants', 'list', '--url', 'http://127.0.0.1:1', '--token', wrong]);

    expect([nobody, refused, tokenless, away].map(({ code }) => code)).toEqual([1, 1, 2, 1]);
    expect(nobody.stderr).toMatch(/^slotkeeper: .*404: There is no such tenant\.\n$/);
    for (const { stdout, stderr } of [refused, tokenless, away]) {
      expect(stdout).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).not.toContain(wrong);
    }
  });

  it.each([[['keys']], [['keys', 'create']], [['keys', 'revoke']], [['tenants', 'list']]])(
    'explains itself: %j --help',
    async (args) => {
      const { code, stdout } = await run([...args, '--help']);

      expect([code, stdout.slice(0, 17)]).toEqual([0, 'Usage: slotkeeper']);
    },
  );
});

describe('slotkeeper breaker', () => {
  it('lists what is wrong with accounts, and resets only what there is', async () => {
    await using daemon = await startDaemonProcess({ env: anEnvironment() });
    const slotkeeper = commandsOf(daemon);

    const listed = await slotkeeper('breaker', 'list');
    const json = await slotkeeper('breaker', 'list', '--json');
    const { accounts } = JSON.parse(json.stdout) as { accounts: unknown[] };
    const unknown = await slotkeeper('breaker', 'reset', 'nobody');

    expect([listed.code, listed.stdout.trim()]).toEqual([0, 'Nothing is wrong with any account.']);
    expect(accounts).toEqual([]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/no such account/);
  });
});
