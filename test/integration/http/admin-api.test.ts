// @module-tag redis_required
// Tenants and keys through the admin API, over real daemons' applications on one store.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { startAdmin } from '../../support/admin-api.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const CONFIGURED_KEY = 'configured-key-0123456789';

describe('a tenant', () => {
  it('is created, shown, listed, changed and removed', async () => {
    const { admin } = await startAdmin(store);

    const created = await admin('POST', '/tenants', {
      name: 'acme',
      weight: 4,
      maxConcurrency: 3,
      reservedSlots: { openai: 2 },
    });
    const changed = await admin('PATCH', '/tenants/acme', { weight: 2, maxConcurrency: null });
    const listed = await admin('GET', '/tenants');
    const removed = await admin('DELETE', '/tenants/acme');
    const gone = await admin('GET', '/tenants/acme');

    expect([created.status, created.body]).toMatchObject([
      201,
      { name: 'acme', source: 'admin', weight: 4, maxConcurrency: 3, priority: 5, keys: 0 },
    ]);
    expect(changed.body).toMatchObject({ weight: 2, reservedSlots: { openai: 2 } });
    expect(changed.body).not.toHaveProperty('maxConcurrency');
    expect(listed.body['tenants']).toEqual([changed.body]);
    expect([removed.status, gone.status]).toEqual([200, 404]);
    expect(gone.body.error).toMatchObject({ code: 'tenant_not_found' });
  });

  it('is created once, also by those who try at the same time', async () => {
    const { admin } = await startAdmin(store);

    const answers = await Promise.all(
      [1, 2, 3, 4].map((weight) => admin('POST', '/tenants', { name: 'acme', weight })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  it('keeps all of the changes that are made to it at the same time', async () => {
    const { admin } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });

    const changes = [{ weight: 7 }, { priority: 1 }, { maxConcurrency: 9 }];
    await Promise.all(changes.map((change) => admin('PATCH', '/tenants/acme', change)));

    const { body } = await admin('GET', '/tenants/acme');
    expect(body).toMatchObject({ weight: 7, priority: 1, maxConcurrency: 9 });
  });

  it('of the configuration is shown, but changed there alone; keys may be made for it', async () => {
    const file = { tenants: { acme: { weight: 3, keys: [CONFIGURED_KEY] } } };
    const { admin, createKey, slot } = await startAdmin(store, { file });

    const again = await admin('POST', '/tenants', { name: 'acme' });
    const patch = await admin('PATCH', '/tenants/acme', { weight: 1 });
    const removal = await admin('DELETE', '/tenants/acme');
    const { key } = await createKey({ tenant: 'acme' });
    const shown = await admin('GET', '/tenants/acme');

    expect([again, patch, removal].map(({ status }) => status)).toEqual([409, 409, 409]);
    expect(patch.body.error).toMatchObject({ code: 'tenant_read_only' });
    expect(shown.body).toMatchObject({ source: 'configuration', weight: 3, keys: 2 });
    expect((await slot(key)).status).toBe(201);
    expect((await slot(CONFIGURED_KEY)).status).toBe(201);
  });

  it('holds no more slots than its terms allow, from the answer that creates it on', async () => {
    const { admin, createKey, slot } = await startAdmin(store, { slots: 5 });
    await admin('POST', '/tenants', { name: 'acme', maxConcurrency: 1 });
    const { key } = await createKey({ tenant: 'acme' });

    const first = await slot(key);
    const second = await slot(key);
    await admin('PATCH', '/tenants/acme', { maxConcurrency: 2 });
    const third = await slot(key);

    expect([first.status, second.status, third.status]).toEqual([201, 429, 201]);
    expect(second.body.error).toMatchObject({ code: 'tenant_concurrency' });
  });

  it('that is disabled is told so, and served again when it is enabled', async () => {
    const { admin, createKey, slot } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });
    const { key } = await createKey({ tenant: 'acme' });

    await admin('PATCH', '/tenants/acme', { enabled: false });
    const disabled = await slot(key);
    await admin('PATCH', '/tenants/acme', { enabled: true });
    const enabled = await slot(key);

    expect([disabled.status, disabled.body.error?.['code']]).toEqual([403, 'forbidden']);
    expect(enabled.status).toBe(201);
  });

  it('takes its keys with it, and they stay gone under a new tenant of its name', async () => {
    const { admin, createKey, slot } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });
    const { key } = await createKey({ tenant: 'acme' });

    await admin('DELETE', '/tenants/acme');
    await admin('POST', '/tenants', { name: 'acme' });

    expect((await slot(key)).status).toBe(401);
  });
});

describe('a key', () => {
  it('is shown once, kept as a digest alone, and listed without its secret', async () => {
    const { admin, createKey, cell } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });
    const expiresAt = '2999-01-01T00:00:00.000Z';

    const { id, key } = await createKey({ tenant: 'acme', name: 'laptop', expiresAt });
    const listed = await admin('GET', '/keys?tenant=acme');

    expect(key).toMatch(/^sk-slot-[0-9A-Za-z]{32}$/);
    expect(listed.body['keys']).toEqual([
      {
        id,
        tenant: 'acme',
        name: 'laptop',
        state: 'active',
        expiresAt,
        createdAt: expect.any(String) as string,
      },
    ]);
    const stored = await store.redis.hgetall(cellKeys(cell).directory);
    expect(JSON.stringify(stored)).not.toContain(key.slice('sk-slot-'.length));
    expect(stored).toHaveProperty('_');
  });

  it('makes keys necessary where none was before', async () => {
    const { admin, createKey, slot } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });

    const before = await slot(undefined);
    const { key } = await createKey({ tenant: 'acme' });
    const after = await slot(undefined);
    const with_ = await slot(key);

    expect([before.status, after.status, with_.status]).toEqual([201, 401, 201]);
  });

  it('works on another daemon, and stops working there within about a second of its end', async () => {
    const cell = store.cell();
    const here = await startAdmin(store, { cell });
    const there = await startAdmin(store, { cell });
    await here.admin('POST', '/tenants', { name: 'acme', maxConcurrency: 100 });
    const { id, key } = await here.createKey({ tenant: 'acme' });
    const status = async () =>
      (await there.call('GET', '/scheduler/openapi.json', undefined, { 'x-api-key': key })).status;
    const until = async (wanted: number): Promise<number> => {
      const begunAt = performance.now();
      while ((await status()) !== wanted) {
        if (performance.now() - begunAt > 5000) throw new Error(`never ${wanted}`);
      }
      return performance.now() - begunAt;
    };

    await until(200);
    await here.admin('DELETE', `/keys/${id}`);
    const revokedAfterMs = await until(401);

    expect(revokedAfterMs).toBeLessThan(1500);
    const { body } = await there.admin('GET', '/keys');
    expect(body['keys']).toMatchObject([{ id, state: 'revoked' }]);
  });

  it('is revoked once: a repeat answers the same', async () => {
    const { admin, createKey } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });
    const { id } = await createKey({ tenant: 'acme' });

    const first = await admin('DELETE', `/keys/${id}`);
    const second = await admin('DELETE', `/keys/${id}`);
    const unknown = await admin('DELETE', '/keys/AAAAAAAAAA');

    expect([first.status, second.status, unknown.status]).toEqual([200, 200, 404]);
    expect(second.body).toEqual(first.body);
  });

  it('serves on when the store is lost, and opens nothing more', async () => {
    const { admin, createKey, call, cell } = await startAdmin(store);
    await admin('POST', '/tenants', { name: 'acme' });
    const { key } = await createKey({ tenant: 'acme' });

    await store.redis.del(cellKeys(cell).directory);
    await admin('GET', '/tenants');
    const open = await call('GET', '/scheduler/openapi.json');
    const lost = await call('GET', '/scheduler/openapi.json', undefined, { 'x-api-key': key });

    expect([open.status, lost.status]).toEqual([401, 401]);
  });
});
