// An application whose admin has a token, and what its admin and its callers ask of it.
import { expect } from 'vitest';
import { caller, startSchedulerApi, type ApiOptions } from './scheduler-api.ts';
import type { TestRedis } from './redis.ts';

export const ADMIN_TOKEN = 'admin-token-0123456789';

interface KeyAnswer {
  readonly id: string;
  readonly key: string;
}

/** A daemon whose admin has a token, with what its admin calls. */
export async function startAdmin(store: TestRedis, options: ApiOptions = {}) {
  const file = { admin: { token: ADMIN_TOKEN }, ...options.file };
  const api = await startSchedulerApi(store, { ...options, file });
  const call = caller(api.url);
  const admin = (method: string, path: string, body?: unknown) =>
    call(method, `/admin${path}`, body, { authorization: `Bearer ${ADMIN_TOKEN}` });
  const createKey = async (wish: object): Promise<KeyAnswer> => {
    const { status, body } = await admin('POST', '/keys', wish);
    expect(status).toBe(201);
    return body as unknown as KeyAnswer;
  };
  const slot = (key: string | undefined, body: unknown = { route: 'deep' }) =>
    call('POST', '/scheduler/slots', body, key === undefined ? {} : { 'x-api-key': key });
  return { ...api, call, admin, createKey, slot };
}
