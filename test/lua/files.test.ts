// @module-tag redis_required
// Files by an integer clock: bounds of a tenant, what is not whole, what is dropped, and that nothing
// is left of it.
import { describe, expect, it } from 'vitest';
import { Files } from '../../src/batches/files.ts';
import { filesSchema } from '../../src/config/batches-schema.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const DAY_MS = 86_400_000;
const END = { name: 'a.jsonl', purpose: 'batch' } as const;

function someFiles(config: Partial<ReturnType<typeof filesSchema.parse>> = {}) {
  const cell = store.cell();
  const time = { ms: 1_000_000 };
  const files = new Files({
    redis: store.redis,
    cell,
    keyStyle: 'tagged',
    config: () => ({ ...filesSchema.parse({}), ...config }),
    clock: () => time.ms,
  });
  const keys = cellKeys(cell, 'tagged');
  const upload = async (tenant: string, ...pieces: readonly Buffer[]) => {
    const writer = await files.upload(tenant);
    for (const piece of pieces) await writer.write(piece);
    return await writer.close(END);
  };
  /** Keys of the cell that hold more than a sentinel. */
  const left = async () => {
    const own = await store.redis.keys(`slotkeeper:{${cell}}:*`);
    const sizes = await Promise.all(
      own.map(async (key) => {
        const isHash = (await store.redis.type(key)) === 'hash';
        return isHash ? store.redis.hlen(key) : store.redis.zcard(key);
      }),
    );
    return own.filter((_, i) => sizes[i]! > 1);
  };
  return { files, keys, time, upload, left };
}

async function contentOf(files: Files, file: Parameters<Files['read']>[0]): Promise<Buffer> {
  const chunks = [];
  for await (const chunk of files.read(file)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a file', () => {
  it('is read as it was written, in chunks of one size', async () => {
    const { files, keys, upload } = someFiles();
    const bytes = Buffer.alloc(200_000, 'abcdefghijk');

    const file = await upload(
      't1',
      bytes.subarray(0, 7),
      bytes.subarray(7, 150_000),
      bytes.subarray(150_000),
    );

    expect(await contentOf(files, file)).toEqual(bytes);
    expect(file).toMatchObject({
      tenant: 't1',
      bytes: 200_000,
      name: 'a.jsonl',
      createdAtMs: 1_000_000,
    });
    const lengths = [0, 1, 2, 3].map((n) => store.redis.hstrlen(keys.file(file.id), String(n)));
    expect(await Promise.all(lengths)).toEqual([65_536, 65_536, 65_536, 3392]);
  });

  it('is there for nobody before it is whole, and for no other tenant', async () => {
    const { files } = someFiles();
    const writer = await files.upload('t1');
    await writer.write(Buffer.alloc(100_000));
    const before = await files.list('t1', { limit: 10, order: 'desc' });

    const file = await writer.close(END);

    expect(before.entries).toEqual([]);
    expect(await files.find('t1', file.id)).toEqual(file);
    expect(await files.find('t2', file.id)).toBeUndefined();
    expect(await files.drop('t2', file.id)).toBe('gone');
    expect((await files.list('t2', { limit: 10, order: 'desc' })).entries).toEqual([]);
  });

  it('that two write at once with the same bytes is one', async () => {
    const { files, left } = someFiles();
    const bytes = Buffer.alloc(150_000, 'x');
    const writers = await Promise.all([files.write('file-1', 't1'), files.write('file-1', 't1')]);

    await Promise.all(writers.map((writer) => writer.write(bytes)));
    const [one, other] = await Promise.all(writers.map((writer) => writer.close(END)));

    expect(one).toEqual(other);
    expect((await contentOf(files, one!)).length).toBe(150_000);
    await files.drop('t1', 'file-1');
    expect(await left()).toEqual([]);
  });

  it('leaves nothing when it is dropped, nor when its writing is given up', async () => {
    const { files, upload, left } = someFiles();
    const file = await upload('t1', Buffer.alloc(100_000));
    const writer = await files.upload('t1');
    await writer.write(Buffer.alloc(100_000));

    await writer.drop();
    expect(await files.drop('t1', file.id)).toBe('dropped');

    expect(await left()).toEqual([]);
    expect(await files.drop('t1', file.id)).toBe('gone');
  });

  it('goes by its time: whole after it was kept, unfinished after an hour', async () => {
    const { files, time, upload, left } = someFiles({ retentionMs: DAY_MS });
    const file = await upload('t1', Buffer.from('a\n'));
    const writer = await files.upload('t1');
    await writer.write(Buffer.alloc(100_000));

    time.ms += 3_600_000;
    await files.expire();
    const whole = await files.find('t1', file.id);
    time.ms = file.expiresAtMs;
    await files.expire();

    expect(whole).toEqual(file);
    await expect(writer.write(Buffer.alloc(100_000))).rejects.toMatchObject({
      code: 'file_not_found',
    });
    expect(await left()).toEqual([]);
  });

  it('that a batch reads is neither dropped by hand nor by its time', async () => {
    const { files, keys, time, upload } = someFiles({ retentionMs: DAY_MS });
    const file = await upload('t1', Buffer.from('a\n'));
    await store.redis.hincrby(keys.file(file.id), 'holds', 1);

    const byHand = await files.drop('t1', file.id);
    time.ms = file.expiresAtMs;
    await files.expire();
    const held = await files.find('t1', file.id);
    await store.redis.hincrby(keys.file(file.id), 'holds', -1);
    time.ms += 3_600_000;
    await files.expire();

    expect(byHand).toBe('held');
    expect(held).toEqual(file);
    expect(await files.find('t1', file.id)).toBeUndefined();
  });
});

describe('a tenant', () => {
  it('has no more files than it may have, however many come at once', async () => {
    const { upload } = someFiles({ maxPerTenant: 3 });

    const all = await Promise.allSettled(
      Array.from({ length: 10 }, () => upload('t1', Buffer.from('a\n'))),
    );

    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    await expect(upload('t1', Buffer.from('a\n'))).rejects.toMatchObject({ code: 'files_full' });
    await expect(upload('t2', Buffer.from('a\n'))).resolves.toMatchObject({ bytes: 2 });
  });

  it('has no more bytes than it may have, and none of what was refused', async () => {
    const { files, keys, upload } = someFiles({ maxTenantBytes: 250_000 });
    await upload('t1', Buffer.alloc(150_000));
    const writer = await files.upload('t1');
    await expect(writer.write(Buffer.alloc(150_000))).rejects.toMatchObject({ code: 'files_full' });

    await writer.drop();

    expect(await store.redis.hget(keys.filesUsed, 't1')).toBe('150000');
  });

  it('sees its files page by page, latest first or last', async () => {
    const { files, time, upload } = someFiles();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      time.ms += 1;
      ids.push((await upload('t1', Buffer.from('a\n'))).id);
      await upload('t0', Buffer.from('a\n'));
      await upload('t10', Buffer.from('a\n'));
    }
    const page = async (order: 'asc' | 'desc', after?: string) => {
      const { entries, hasMore } = await files.list('t1', { limit: 2, order, after });
      return [...entries.map(({ id }) => ids.indexOf(id)), hasMore];
    };

    expect(await page('desc')).toEqual([4, 3, true]);
    expect(await page('desc', ids[3])).toEqual([2, 1, true]);
    expect(await page('desc', ids[1])).toEqual([0, false]);
    expect(await page('asc', ids[2])).toEqual([3, 4, false]);
  });
});
