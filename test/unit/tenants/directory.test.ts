// Who has which key, as one daemon holds it: how old its copy may be, and what it opens. The store is
// in the test's hands; the real one is tested in test/integration/tenants.
import { describe, expect, it } from 'vitest';
import { digestOf, newApiKey } from '../../../src/tenants/api-key.ts';
import { writeEntry, type StoredKey } from '../../../src/tenants/entry.ts';
import { EXACT, tenantTerms } from '../../../src/config/tenants-schema.ts';
import { z } from 'zod';
import { aDirectory } from '../../support/directory.ts';

const SECRET = 'sk-slot-for-this-test';
const CONFIGURED = 'sixteen-letters-at-least';
const terms = (given: object = {}) => z.object(tenantTerms(EXACT)).parse(given);

function aKey(about: Partial<StoredKey> = {}): StoredKey {
  const createdAt = '2026-01-01T00:00:00.000Z';
  return { id: 'abcdefghij', digest: digestOf(SECRET), createdAt, ...about };
}

function stored(
  version: string,
  entries: Readonly<Record<string, Parameters<typeof writeEntry>[0]>>,
) {
  const texts = Object.entries(entries).map(([name, entry]) => [name, writeEntry(entry)] as const);
  return { version, entries: new Map(texts) };
}

describe('a key', () => {
  it('opens as its tenant, with its id', async () => {
    const { directory, world } = aDirectory();
    world.snapshot = stored('1', { acme: { terms: terms({ weight: 3 }), keys: [aKey()] } });

    await directory.renew();

    const found = directory.find(SECRET);
    expect(found).toMatchObject({ keyId: 'abcdefghij', isAdmin: false });
    expect(found?.tenant).toMatchObject({ name: 'acme', source: 'admin', terms: { weight: 3 } });
    expect(directory.find(`${SECRET}x`)).toBeUndefined();
  });

  it('of the configuration opens as its tenant, and server.apiKey as the default one', () => {
    const apiKey = 'another-key-of-some-length';
    const { directory } = aDirectory({
      server: { apiKey },
      tenants: { acme: { keys: [CONFIGURED] } },
    });

    const names = [CONFIGURED, apiKey].map((key) => directory.find(key)?.tenant.name);

    expect(names).toEqual(['acme', 'default']);
  });

  it.each([
    ['revoked', aKey({ revokedAt: '2026-01-02T00:00:00.000Z' })],
    ['expired', aKey({ expiresAt: new Date(1_000_000).toISOString() })],
  ])('that is %s opens nothing', async (_what, key) => {
    const { directory, world } = aDirectory();
    world.snapshot = stored('1', { acme: { terms: terms(), keys: [key] } });

    await directory.renew();

    expect(directory.find(SECRET)).toBeUndefined();
    expect(directory.needsKey).toBe(true);
  });

  it('expires by itself, without any reading of the store', async () => {
    const { directory, world } = aDirectory();
    const expiresAt = new Date(world.nowMs + 10).toISOString();
    world.snapshot = stored('1', { acme: { terms: terms(), keys: [aKey({ expiresAt })] } });
    await directory.renew();

    const before = directory.find(SECRET);
    world.nowMs += 10;
    const after = directory.find(SECRET);

    expect([before?.tenant.name, after]).toEqual(['acme', undefined]);
  });

  it('whose tenant has left the configuration opens nothing', async () => {
    const { directory, world } = aDirectory();
    world.snapshot = stored('1', { gone: { keys: [aKey()] } });

    await directory.renew();

    expect(directory.find(SECRET)).toBeUndefined();
  });

  it('of a tenant called as a part of every object opens nothing by that name', () => {
    const { directory } = aDirectory();

    expect(directory.find('constructor')).toBeUndefined();
    expect(directory.find('__proto__')).toBeUndefined();
  });
});

describe('a daemon without any key', () => {
  it('serves everybody as the default tenant, with its terms where it has some', () => {
    const plain = aDirectory().directory;
    const limited = aDirectory({ tenants: { default: { maxConcurrency: 3 } } }).directory;

    expect([plain.needsKey, limited.needsKey]).toEqual([false, false]);
    expect(plain.anybody.tenant).toMatchObject({ name: 'default', source: 'implicit' });
    expect(limited.anybody.tenant.terms.maxConcurrency).toBe(3);
  });

  it('needs one from the first key on, and is not opened by the removal of the last', async () => {
    const { directory, world } = aDirectory();
    world.snapshot = stored('1', { acme: { terms: terms(), keys: [aKey()] } });
    await directory.renew();

    world.snapshot = { version: '2', entries: new Map() };
    await directory.renew();

    expect(directory.needsKey).toBe(true);
    expect(directory.find(SECRET)).toBeUndefined();
  });
});

describe('the copy of the store', () => {
  it('serves for half a second, is then read beside the requests, and before them after a second', async () => {
    const { directory, world } = aDirectory();
    await directory.renew();

    const waits: boolean[] = [];
    for (const ageMs of [399, 400, 799, 800]) {
      const readAtMs = world.nowMs;
      world.nowMs = readAtMs + ageMs;
      waits.push(directory.fresh() !== undefined);
      await directory.renew();
    }

    expect(waits).toEqual([false, false, false, true]);
  });

  it('is read once for all requests that find it stale', async () => {
    const { directory, world } = aDirectory();
    await directory.renew();
    world.nowMs += 5000;
    const before = world.reads;

    await Promise.all([directory.fresh(), directory.fresh(), directory.fresh()]);

    expect(world.reads - before).toBe(1);
    expect(directory.fresh()).toBeUndefined();
  });

  it('goes on serving where the store is down, with one warning', async () => {
    const { directory, world } = aDirectory();
    world.snapshot = stored('1', { acme: { terms: terms(), keys: [aKey()] } });
    await directory.renew();
    world.isDown = true;

    for (let tries = 0; tries < 3; tries += 1) {
      world.nowMs += 1000;
      await directory.fresh();
    }

    expect(directory.find(SECRET)?.tenant.name).toBe('acme');
    expect(world.warnings).toHaveLength(1);
  });

  it('skips an entry that cannot be read, and says whose it is', async () => {
    const { directory, world } = aDirectory();
    const good = stored('1', { acme: { terms: terms(), keys: [aKey()] } });
    world.snapshot = { ...good, entries: new Map([...good.entries, ['broken', '{"keys":1}']]) };

    await directory.renew();

    expect([...directory.tenants.keys()]).toEqual(['acme']);
    expect(world.warnings).toHaveLength(1);
  });
});

describe('the heart', () => {
  it('is told of created tenants once, of their changes, and of their end', async () => {
    const { directory, world } = aDirectory();

    for (const [version, entries] of [
      ['1', { acme: { terms: terms({ weight: 1 }), keys: [] } }],
      ['2', { acme: { terms: terms({ weight: 1 }), keys: [aKey()] } }],
      ['3', { acme: { terms: terms({ weight: 2 }), keys: [] } }],
      ['4', {}],
    ] as const) {
      world.snapshot = stored(version, entries);
      await directory.renew();
    }

    expect(world.told).toEqual(['acme 1', 'acme 2', 'acme gone']);
  });

  it('is not told of a created tenant that the configuration has', async () => {
    const { directory, world } = aDirectory({ tenants: { acme: { weight: 7 } } });
    world.snapshot = stored('1', { acme: { terms: terms({ weight: 2 }), keys: [] } });

    await directory.renew();

    expect(world.told).toEqual([]);
    expect(directory.tenants.get('acme')?.terms.weight).toBe(7);
  });

  it('is told the latest terms where they change while it is being told', async () => {
    const { directory, world } = aDirectory();
    world.snapshot = stored('1', { acme: { terms: terms({ weight: 1 }), keys: [] } });
    world.onTold = () => {
      world.snapshot = stored('2', { acme: { terms: terms({ weight: 9 }), keys: [] } });
    };

    await directory.renew();

    expect(world.told).toEqual(['acme 1', 'acme 9']);
  });
});

describe('a new key', () => {
  it('is long, random, made of base62, and known to secret scanners by its prefix', () => {
    const keys = Array.from({ length: 100 }, newApiKey);

    expect(new Set(keys.map(({ secret }) => secret)).size).toBe(100);
    for (const { id, secret } of keys) {
      expect(secret).toMatch(/^sk-slot-[0-9A-Za-z]{32}$/);
      expect(id).toMatch(/^[0-9A-Za-z]{10}$/);
      expect(secret).not.toContain(id);
    }
  });
});
