// @module-tag redis_required
// What the Scheduler API refuses, how it says so, and that nothing was taken.
import { describe, expect, it } from 'vitest';
import { useRedis } from '../../support/redis.ts';
import { caller, rawStatus, startSchedulerApi } from '../../support/scheduler-api.ts';

const store = useRedis();
const TARGETS = [{ pool: 'openai', model: 'gpt-4' }];

describe('requests that cannot be served', () => {
  it.each([
    ['neither route nor targets', {}, 'exactly one of'],
    ['both', { route: 'deep', targets: TARGETS }, 'exactly one of'],
    ['no targets at all', { targets: [] }, 'targets:'],
    ['too many targets', { targets: Array(9).fill(TARGETS[0]) }, 'targets:'],
    ['a target without a model', { targets: [{ pool: 'openai' }] }, 'targets.0.model:'],
    ['a pool name that is a key', { targets: [{ pool: '{x}:*', model: 'm' }] }, 'targets.0.pool:'],
    ['an unknown field', { route: 'deep', accountt: 'a1' }, 'accountt'],
    ['a lease that is too long', { route: 'deep', leaseMs: 60_001 }, 'leaseMs:'],
    ['a lease that is no number', { route: 'deep', leaseMs: '5' }, 'leaseMs:'],
    ['an empty id', { route: 'deep', requestId: '' }, 'requestId:'],
    ['an id with a space', { route: 'deep', requestId: 'a b' }, 'requestId:'],
    ['an id with a line break', { route: 'deep', requestId: 'a\r\nb' }, 'requestId:'],
    ['an id of 129 characters', { route: 'deep', requestId: 'x'.repeat(129) }, 'requestId:'],
    ['an id that no URL can carry', { route: 'deep', requestId: '..' }, 'requestId:'],
    ['an id that is an object', { route: 'deep', requestId: {} }, 'requestId:'],
    ['an array', [], 'body:'],
  ])('get 400 with the path of every fault: %s', async (_what, body, message) => {
    const api = await startSchedulerApi(store);

    const answer = await caller(api.url)('POST', '/scheduler/slots', body);

    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: 'invalid_params' });
    expect(answer.body.error?.['message']).toContain(message);
    expect(await api.inFlight()).toBe(0);
  });

  it.each([
    ['a fence of 0', '?fence=0'],
    ['a fence with a fraction', '?fence=1.5'],
    ['a fence beyond exact integers', '?fence=99999999999999999'],
    ['two fences', '?fence=1&fence=2'],
    ['an unknown outcome', '?fence=1&outcome=fine'],
    ['an outcome without a fence', '?outcome=success'],
    ['an unknown word', '?fense=1'],
    ['a nested word', '?fence[__proto__]=1'],
  ])('get 400 for a release with %s', async (_what, query) => {
    const api = await startSchedulerApi(store);

    const answer = await caller(api.url)('DELETE', `/scheduler/slots/job-1${query}`);

    expect([answer.status, answer.body.error?.['code']]).toEqual([400, 'invalid_params']);
  });

  it.each([
    ['text that is no JSON', '{"route":', {}, 400, 'invalid_request'],
    ['a bare word', '"deep"', {}, 400, 'invalid_request'],
    ['nothing', undefined, {}, 400, 'invalid_params'],
    ['100,000 levels', '['.repeat(60_000), {}, 400, 'invalid_request'],
    ['a polluting key', '{"route":"deep","__proto__":{"leaseMs":1}}', {}, 400, 'invalid_params'],
    ['more than 64 KB', `{"route":"${'x'.repeat(70_000)}"}`, {}, 413, 'payload_too_large'],
    [
      'a form',
      'route=deep',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    ['gzip', '{}', { 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
  ])('are told what is wrong with a body: %s', async (_what, body, headers, status, code) => {
    const api = await startSchedulerApi(store);

    const answer = await caller(api.url)('POST', '/scheduler/slots', body, headers);

    expect([answer.status, answer.body.error?.['code']]).toEqual([status, code]);
    expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|at .*\.ts/);
    expect(await api.inFlight()).toBe(0);
  });

  it.each([
    ['route', { route: 'no-such' }],
    ['pool', { targets: [{ pool: 'nobody', model: 'gpt-4' }] }],
    ['model', { targets: [{ pool: 'openai', model: 'gpt-9' }] }],
  ])('get 404 for a %s that is not configured', async (_what, body) => {
    const api = await startSchedulerApi(store);

    const answer = await caller(api.url)('POST', '/scheduler/slots', body);

    expect([answer.status, answer.body.error?.['code']]).toEqual([404, 'model_not_found']);
  });

  it.each([
    ['GET', '/scheduler/slots', 405],
    ['PUT', '/scheduler/slots/job-1', 405],
    ['GET', '/scheduler/slots/job-1/renew', 405],
    ['GET', '/scheduler/nothing', 404],
    ['GET', '/Scheduler/openapi.json', 404],
    ['GET', '/scheduler/openapi.json/', 404],
    ['GET', '/nothing', 404],
    ['DELETE', '/scheduler/slots/%ZZ', 400],
    ['DELETE', '/scheduler/slots/a%00b', 400],
    ['DELETE', '/scheduler/slots/%20', 400],
    ['DELETE', '/scheduler/slots/a;b', 400],
    ['GET', '/scheduler//openapi.json', 400],
  ])('%s %s gets %i in the usual shape', async (method, path, status) => {
    const api = await startSchedulerApi(store);

    const answer = await caller(api.url)(method, path);

    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ message: expect.any(String) as string });
  });

  it.each([
    '/scheduler/../scheduler/openapi.json',
    '/%2e%2e/metrics',
    '//evil/metrics',
    'http://evil/metrics',
  ])('get 400 for the raw path %s, which no well-behaved client sends', async (path) => {
    const api = await startSchedulerApi(store);

    const status = await rawStatus(api.url, { path });

    expect(status).toBe(400);
  });
});
