// How a live request is parked: who asks for it and how, what its client is told, what its job holds,
// and what goes out as it is.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/core/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { FAILING_UPSTREAMS } from '../../support/failing-upstreams.ts';
import { aLot, busy, PARKING, parkingBy } from '../../support/parking.ts';
import { aProxy, errorOf, expectSlotBack, post } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { ANSWER, answerWell } from '../../support/upstream.ts';

const store = useRedis();
const parking = parkingBy(store);

describe('a request that is parked', () => {
  it('is told when it is tried again, and where its state is', async () => {
    const nowMs = Date.parse('2030-01-01T12:00:00Z');
    const { proxy, defer } = await parking(busy, {}, { nowMs: () => nowMs });

    const response = await defer({ 'x-request-id': 'mine' });

    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      object: 'deferred',
      id: 'job-0',
      status: 'deferred',
      stage: 'summarize',
      reason: 'gpt-4_unavailable:Http503',
      retry_after_minutes: 30,
      due_at: '2030-01-01T12:30:00.000Z',
      status_url: '/v1/deferred/job-0',
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'retry-after': '1800',
      location: '/v1/deferred/job-0',
      'x-request-id': 'mine',
      'x-slotkeeper-origin': 'gateway',
      'x-slotkeeper-attempts': '1',
    });
    await expectSlotBack(proxy, 'overloaded');
    expect(proxy.finished[0]).toMatchObject({ status: 202, reason: undefined });
  });

  it('holds no slot while it is handed over', async () => {
    const { proxy, lot, defer } = await parking();
    let held: number | undefined;
    proxy.gateway.parkAt({
      ...lot,
      submit: async (job) => {
        held = await eventually(async () => {
          expect(await proxy.inFlight()).toBe(0);
          return proxy.scheduler.held();
        });
        return lot.submit(job);
      },
    });

    const response = await defer();

    expect(response.status).toBe(202);
    expect(held).toBe(0);
  });

  it('is kept as its caller sent it, without what its caller is known by', async () => {
    const { lot, defer } = await parking();
    const secrets = { authorization: 'Bearer of-the-caller', cookie: 'a=b', 'x-api-key': 'mine' };
    const meant = { 'x-slotkeeper-session': 's1', 'anthropic-beta': 'b', 'idempotency-key': 'k1' };

    await defer({ ...secrets, ...meant }, { seed: 12345678901234567890n.toString() });

    expect(lot.jobs).toMatchObject([{ tenant: 'default', stage: 'summarize', key: 'k1' }]);
    const { path, headers, body } = lot.jobs[0]!.request;
    expect(path).toBe('/v1/chat/completions');
    expect(headers).toMatchObject({ 'x-slotkeeper-session': 's1', 'anthropic-beta': 'b' });
    expect(JSON.stringify(headers)).not.toMatch(/caller|a=b|mine|k1/);
    expect(body).toBe('{"model":"gpt-4","messages":[],"seed":"12345678901234567890"}');
  });

  it('is the same job for the same key, and is not tried again meanwhile', async () => {
    const { upstream, lot, defer } = await parking();
    const first = await (await defer({ 'idempotency-key': 'k1' })).json();

    const second = await defer({ 'idempotency-key': 'k1' });

    expect(second.status).toBe(202);
    expect(await second.json()).toEqual(first);
    expect(lot.jobs).toHaveLength(1);
    expect(upstream.seen).toHaveLength(1);
  });

  it('is another job for another key, or for none', async () => {
    const { lot, defer } = await parking();

    for (const key of ['k1', 'k2']) await defer({ 'idempotency-key': key });
    await defer();
    await defer();

    expect(lot.jobs.map(({ key }) => key)).toEqual(['k1', 'k2', undefined, undefined]);
  });
});

describe('who asks', () => {
  const targets = [{ pool: 'openai', model: 'gpt-4' }];
  const file = { routes: { 'gpt-4': { targets, defer: 'classify' } } };

  it('is a request by its header, or its route', async () => {
    const { lot, send, defer } = await parking(busy, { file });

    await send();
    await defer();

    expect(lot.jobs.map(({ stage }) => stage)).toEqual(['classify', 'summarize']);
  });

  it('is nobody else: all others get the ordinary error', async () => {
    const plain = await parking();
    const optedOut = await parking(busy, { file });

    const responses = [await plain.send(), await optedOut.send({ 'x-slotkeeper-defer': 'off' })];

    expect(responses.map(({ status }) => status)).toEqual([503, 503]);
    expect(responses[0]?.headers.get('x-slotkeeper-deferrable')).toBe('true');
    expect([...plain.lot.jobs, ...optedOut.lot.jobs]).toEqual([]);
  });

  it('may ask in the stages that there are alone', async () => {
    const { upstream, send } = await parking();

    const response = await send({ 'x-slotkeeper-defer': 'unheard-of' });

    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({
      code: 'invalid_params',
      param: 'x-slotkeeper-defer',
      message: expect.stringContaining('summarize, classify') as string,
    });
    expect(upstream.seen).toHaveLength(0);
  });

  it('is told where nothing can be deferred, and a route’s wish counts for nothing there', async () => {
    const { proxy } = await aProxy(store, answerWell, { file });

    const asked = await post(proxy, { headers: { 'x-slotkeeper-defer': 'classify' } });
    const plain = await post(proxy);

    expect(asked.status).toBe(400);
    expect(await errorOf(asked)).toMatchObject({ code: 'deferral_disabled' });
    expect(plain.status).toBe(200);
  });

  it('may not ask for a stream', async () => {
    const { upstream, defer } = await parking();

    const response = await defer({}, { stream: true });

    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ code: 'invalid_params', param: 'stream' });
    expect(upstream.seen).toHaveLength(0);
  });

  it('may not ask for what is no JSON, nor by a key that is none', async () => {
    const { proxy, defer } = await parking();
    const form = new FormData();
    form.set('model', 'gpt-4');
    form.set('file', new Blob(['a']), 'a.mp3');
    const headers = { 'x-slotkeeper-defer': 'summarize' };

    const responses = await Promise.all([
      post(proxy, { path: '/v1/audio/transcriptions', headers, body: form }),
      post(proxy, { path: '/v1/audio/speech', headers }),
      defer({ 'idempotency-key': 'k'.repeat(300) }),
    ]);

    const params = await Promise.all(
      responses.map(async (one) => [one.status, (await errorOf(one))['param']]),
    );
    expect(params).toEqual([
      [400, 'x-slotkeeper-defer'],
      [400, 'x-slotkeeper-defer'],
      [400, 'idempotency-key'],
    ]);
  });
});

describe('the ordinary end goes out', () => {
  it('for a good answer, whole and with its headers', async () => {
    const { lot, defer } = await parking(answerWell);

    const response = await defer();

    expect(response.status).toBe(200);
    expect(response.headers.get('x-slotkeeper-origin')).toBe('upstream');
    expect(await response.text()).toBe(ANSWER);
    expect(lot.jobs).toEqual([]);
  });

  it('where the lot is full, or cannot be reached', async () => {
    const full = await parking(busy, {}, { room: 0 });
    const away = await parking();
    const notParked: unknown[] = [];
    for (const { proxy } of [full, away]) {
      proxy.gateway.events.on('notParked', (event) => notParked.push(event));
    }
    const gone = new AppError('store_unavailable', 'The store does not answer.');
    away.proxy.gateway.parkAt({ ...away.lot, submit: () => Promise.reject(gone) });

    const responses = [await full.defer(), await away.defer()];

    expect(responses.map(({ status }) => status)).toEqual([503, 503]);
    expect(await errorOf(responses[0]!)).toMatchObject({ message: 'the upstream says so' });
    expect(notParked).toMatchObject([{ stage: 'summarize', error: undefined }, { error: gone }]);
  });

  it('for a body that is too large to be parked', async () => {
    const { lot, defer } = await parking();

    const response = await defer({}, { messages: 'x'.repeat(5000) });

    expect(response.status).toBe(503);
    expect(lot.jobs).toEqual([]);
  });

  it('as an error where the answer is too large to be kept', async () => {
    const { proxy, lot, defer } = await parking((_seen, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify('x'.repeat(200_000)));
    });

    const response = await defer();

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'answer_too_large' });
    expect(lot.jobs).toEqual([]);
    await expectSlotBack(proxy, 'ignored');
  });

  it('to nobody where its client has left, and nothing is parked', async () => {
    const { proxy, upstream, lot } = await parking(() => undefined);
    const leave = new AbortController();
    const headers = { 'x-slotkeeper-defer': 'summarize' };
    const left = post(proxy, { headers, signal: leave.signal }).catch(() => 'left');
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    leave.abort();

    expect(await left).toBe('left');
    await expectSlotBack(proxy, 'ignored');
    expect(proxy.finished[0]).toMatchObject({ status: 499 });
    expect(lot.jobs).toEqual([]);
  });
});

describe('an answer that is cut after it began', () => {
  it('is deferred, though it was a stream that nobody had asked for', async () => {
    const { lot, defer } = await parking((_seen, res, socket) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"choices":[]}\n\n');
      setTimeout(() => socket.destroy(), 20);
    });

    const response = await defer();

    expect(response.status).toBe(202);
    expect(lot.jobs).toMatchObject([{ reason: 'gpt-4_unavailable:Reset' }]);
  });

  it('goes to its client as it came where it is not to be deferred', async () => {
    const origin = await FAILING_UPSTREAMS['closes within its body']();
    const { proxy } = await aProxy(store, busy, { file: PARKING, upstream: origin });
    proxy.gateway.parkAt(aLot());

    const cut = post(proxy).then((response) => response.text());

    await expect(cut).rejects.toThrow('terminated');
  });
});
