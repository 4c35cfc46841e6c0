// @module-tag redis_required
// /v1/files as OpenAI's own client meets it, and what becomes of uploads that are not right.
import { request } from 'node:http';
import OpenAI, { toFile } from 'openai';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { aProxy, errorOf, type TestProxy } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const LINES = '{"custom_id":"1"}\n{"custom_id":"2"}\n';

async function aClient(file: Readonly<Record<string, unknown>> = {}) {
  const { proxy } = await aProxy(store, undefined, { file });
  const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  const upload = async (text: string, name = 'requests.jsonl') =>
    await client.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'batch' });
  return { proxy, client, upload };
}

const usedBytes = ({ cell }: TestProxy['proxy']) =>
  store.redis.hget(`slotkeeper:{${cell}}:files-used`, 'default');

describe('a file', () => {
  it('is uploaded, looked at, listed, read and deleted by OpenAI’s client', async () => {
    const { client, upload, proxy } = await aClient();

    const file = await upload(LINES);
    const seen = await client.files.retrieve(file.id);
    const listed = [];
    for await (const one of client.files.list({ limit: 1 })) listed.push(one.id);
    const text = await (await client.files.content(file.id)).text();
    const deleted = await client.files.delete(file.id);

    expect(file).toMatchObject({ object: 'file', bytes: LINES.length, purpose: 'batch' });
    expect(file).toMatchObject({ filename: 'requests.jsonl', status: 'processed' });
    expect(Math.abs(file.created_at - Date.now() / 1000)).toBeLessThan(60);
    expect(seen).toEqual(file);
    expect(listed).toEqual([file.id]);
    expect(text).toBe(LINES);
    expect(deleted).toEqual({ id: file.id, object: 'file', deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({
      status: 404,
      code: 'file_not_found',
    });
    expect(new Set(proxy.finished.map(({ path }) => path))).toEqual(new Set(['files']));
  });

  it('is listed page by page', async () => {
    const { client, upload } = await aClient();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push((await upload(LINES)).id);

    const listed: string[] = [];
    for await (const one of client.files.list({ limit: 2, order: 'asc' })) listed.push(one.id);

    expect(listed).toHaveLength(5);
    expect(new Set(listed)).toEqual(new Set(ids));
  });

  it('of megabytes comes through as it was', async () => {
    const { client, upload } = await aClient();
    const line = `${JSON.stringify({ custom_id: 'x', text: 'ü'.repeat(5000) })}\n`;

    const file = await upload(line.repeat(500));
    const content = await (await client.files.content(file.id)).text();

    expect(content === line.repeat(500)).toBe(true);
  });
});

describe('an upload is refused, and nothing of it is left,', () => {
  it.each([
    ['beyond the bytes of a file', { files: { maxBytes: 1024 } }, 'a\n'.repeat(600), 413],
    ['beyond the lines of a batch', { batches: { maxLines: 3 } }, 'a\n'.repeat(4), 400],
    ['beyond the length of a line', { batches: { maxLineBytes: 1024 } }, 'a'.repeat(1025), 400],
    [
      'beyond the bytes of the tenant',
      { files: { maxTenantBytes: 70_000 } },
      'a\n'.repeat(40_000),
      403,
    ],
    ['that is empty', {}, '', 400],
  ])('%s', async (_, config, text, status) => {
    const { proxy, upload } = await aClient(config);

    await expect(upload(text)).rejects.toMatchObject({ status });

    expect(await usedBytes(proxy)).toBeNull();
  });

  it('for another purpose, without a file, with two of them, or as no form at all', async () => {
    const { proxy } = await aClient();
    const post = async (body: FormData | string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${proxy.url}/v1/files`, { method: 'POST', body, headers });
      return [answer.status, (await errorOf(answer))['param']];
    };
    const form = (...fields: readonly [string, string | Blob][]) => {
      const data = new FormData();
      for (const [name, value] of fields) data.append(name, value);
      return data;
    };
    const file = new Blob([LINES]);

    expect(await post(form(['file', file], ['purpose', 'fine-tune']))).toEqual([400, 'purpose']);
    expect(await post(form(['file', file]))).toEqual([400, 'purpose']);
    expect(await post(form(['purpose', 'batch']))).toEqual([400, 'file']);
    expect(await post(form(['purpose', 'batch'], ['file', 'text']))).toEqual([400, 'file']);
    expect(await post(form(['file', file], ['file', file], ['purpose', 'batch']))).toEqual([
      400,
      'file',
    ]);
    expect(await post(form(['purpose', 'batch'], ['other', 'x']))).toEqual([400, 'other']);
    expect(await post('{}', { 'content-type': 'application/json' })).toEqual([400, null]);
    expect(await usedBytes(proxy)).toBeNull();
  });

  it('when its client leaves', async () => {
    const { proxy } = await aClient();
    const head = 'content-disposition: form-data; name="file"; filename="a"\r\n\r\n';
    const leaving = request(`${proxy.url}/v1/files`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=mark' },
    });
    leaving.on('error', () => undefined);
    leaving.write(`--mark\r\n${head}${`${'a'.repeat(99)}\n`.repeat(2000)}`);
    await eventually(async () => expect(Number(await usedBytes(proxy))).toBeGreaterThan(65_000));

    leaving.destroy();

    await eventually(async () => expect(await usedBytes(proxy)).toBeNull());
    await eventually(() => expect(proxy.finished[0]).toMatchObject({ status: 499, path: 'files' }));
  });
});

describe('files', () => {
  it('of one tenant are not there for another', async () => {
    const { proxy } = await aProxy(store, undefined, {
      file: {
        tenants: {
          one: { keys: ['sk-one-1234567890'] },
          two: { keys: ['sk-two-1234567890'] },
        },
      },
    });
    const of = (apiKey: string) =>
      new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey, maxRetries: 0 });
    const [one, two] = [of('sk-one-1234567890'), of('sk-two-1234567890')];

    const file = await one.files.create({
      file: await toFile(Buffer.from(LINES), 'a'),
      purpose: 'batch',
    });

    const missing = { status: 404, code: 'file_not_found' };
    await expect(two.files.retrieve(file.id)).rejects.toMatchObject(missing);
    await expect(two.files.content(file.id)).rejects.toMatchObject(missing);
    await expect(two.files.delete(file.id)).rejects.toMatchObject(missing);
    expect((await two.files.list()).data).toEqual([]);
    expect((await one.files.list()).data).toHaveLength(1);
  });

  it('know no other paths and methods', async () => {
    const { proxy } = await aClient();
    const ask = async (method: string, path: string) =>
      (await fetch(`${proxy.url}/v1/files${path}`, { method })).status;

    expect(await ask('PUT', '')).toBe(405);
    expect(await ask('PATCH', '/file-1')).toBe(405);
    expect(await ask('GET', '/file-1/other')).toBe(404);
    expect(await ask('GET', '/')).toBe(404);
    expect(await ask('GET', '/file-%2e%2e')).toBe(404);
    expect(await ask('GET', '?limit=0')).toBe(400);
  });
});
