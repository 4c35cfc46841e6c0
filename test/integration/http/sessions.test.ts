// @module-tag redis_required
// The journal over HTTP, in a whole daemon: what is kept and read, what is refused, and a model that is
// asked through the gateway, by the tenant's own slots.
import { describe, expect, it } from 'vitest';
import { aDaemonWithJournal } from '../../support/journal-http.ts';
import { useRedis } from '../../support/redis.ts';
import type { Script } from '../../support/upstream.ts';

const store = useRedis();
const M = { sender_id: 'ann', role: 'user', timestamp: 1000, content: 'hello' };
const AT = '/v1/sessions/chat%2017';

describe('the journal of a session', () => {
  it('keeps messages of its tenant, once each, and reads them in pages', async () => {
    const { as, call } = await aDaemonWithJournal(store);
    const messages = [M, { ...M, content: 'again' }, { ...M, timestamp: '2026-01-01T00:00:00Z' }];

    const first = await call('POST', `${AT}/messages`, { messages });
    const again = await call('POST', `${AT}/messages`, { messages: [M] });
    const page = await call('GET', `${AT}/messages?after=1&limit=1`);
    const others = await as('team-b')('GET', `${AT}/messages`);

    expect([first.status, first.body]).toMatchObject([200, { added: 3, buffered: 3 }]);
    expect(again.body).toMatchObject({ added: 0, messages: [{ sequence: 1 }] });
    expect(page.body).toMatchObject({
      accepted: 3,
      data: [{ sequence: 2, sender_id: 'ann', content: 'again' }],
      has_more: true,
      next_after: 2,
    });
    expect(others.body).toMatchObject({ accepted: 0, data: [] });
  });

  it('refuses what nobody could write out again', async () => {
    const { call } = await aDaemonWithJournal(store);
    const deep: unknown = JSON.parse('['.repeat(2000) + ']'.repeat(2000));

    const { status, body } = await call('POST', `${AT}/messages`, {
      messages: [{ ...M, content: [{ type: 'text', deep }] }],
    });

    expect([status, body]).toMatchObject([400, { error: { code: 'invalid_params' } }]);
  });

  it('is flushed into a cell, read there, and deleted', async () => {
    const { call } = await aDaemonWithJournal(store);
    await call('POST', `${AT}/messages`, { messages: [M] });

    const flushed = await call('POST', `${AT}/flush`);
    const cells = await call('GET', `${AT}/cells`);
    const inCell = await call('GET', `${AT}/cells/1/messages`);
    const deleted = await call('DELETE', AT);
    const left = await call('GET', `${AT}/messages`);

    expect(flushed.body).toEqual({ messages: 1, cell: 1 });
    expect(cells.body).toMatchObject({ data: [{ number: 1, messages: 1, by: 'flush' }] });
    expect(inCell.body).toMatchObject({ data: [{ content: 'hello', sequence: 1 }] });
    expect(deleted.body).toEqual({ deleted: true, messages: 1 });
    expect(left.body).toMatchObject({ accepted: 0, cells: 0 });
  });

  it('is cut by a model that is asked as the tenant, with the tenant’s slots', async () => {
    const boundary = { route: 'small', minMessages: 2, everyMessages: 1 };
    const { upstream, call, url } = await aDaemonWithJournal(store, { boundary });
    const messages = [M, { ...M, content: 'again' }];

    await call('POST', `${AT}/messages`, { messages });
    await expect
      .poll(async () => (await call('GET', `${AT}/cells`)).body)
      .toMatchObject({
        data: [{ messages: 2, by: 'model', reasoning: 'over' }],
      });
    const metrics = await (await fetch(`${url}/metrics`)).text();

    expect(upstream.seen).toHaveLength(1);
    expect(upstream.seen[0]).toMatchObject({ url: '/v1/chat/completions' });
    expect(metrics).toContain('slotkeeper_journal_cells_total{reason="model"} 1');
  });

  it('says when its model failed, and when it is asked again', async () => {
    const boundary = { route: 'small', minMessages: 1, everyMessages: 1 };
    const refusing: Script = (_seen, res) => {
      res.writeHead(503, { 'content-type': 'application/json' });
      res.end('{}');
    };
    const { call } = await aDaemonWithJournal(store, { boundary }, refusing);

    await call('POST', `${AT}/messages`, { messages: [M] });
    const cut = async () => ((await call('GET', `${AT}/messages`)).body as { cut: object }).cut;
    await expect.poll(cut).toMatchObject({
      failures: 1,
      reason: expect.stringMatching(/^small_unavailable:/) as string,
    });
    const { body } = await call('GET', `${AT}/messages`);

    expect(body).toMatchObject({ buffered: 1, data: [{ content: 'hello' }] });
  });
});

describe('the journal refuses', () => {
  it.each([
    ['no messages', { messages: [] }],
    ['a message without a sender', { messages: [{ ...M, sender_id: undefined }] }],
    ['a role that is none', { messages: [{ ...M, role: 'tool' }] }],
    ['a time that is none', { messages: [{ ...M, timestamp: 'yesterday' }] }],
    ['a negative time', { messages: [{ ...M, timestamp: -1 }] }],
    ['fields that it does not know', { messages: [{ ...M, id: 'x' }] }],
    ['too many at once', { messages: Array(101).fill(M) }],
  ])('%s', async (_name, body) => {
    const { call } = await aDaemonWithJournal(store);

    const answer = await call('POST', `${AT}/messages`, body);

    expect([answer.status, answer.body]).toMatchObject([
      400,
      { error: { code: 'invalid_params' } },
    ]);
  });

  it.each([
    ['a long message', 413, 'payload_too_large', { maxMessageBytes: 100 }, 'x'.repeat(100)],
    ['more than the buffer holds', 429, 'journal_full', { maxBuffered: 8 }, 'x'],
    ['more than the session holds', 409, 'journal_exhausted', { maxMessages: 8 }, 'x'],
  ])('%s', async (_name, status, code, journal, content) => {
    const { call } = await aDaemonWithJournal(store, journal);
    const messages = Array.from({ length: 9 }, (_, i) => ({ ...M, content, timestamp: i }));

    const answer = await call('POST', `${AT}/messages`, { messages });
    const left = await call('GET', `${AT}/messages`);

    expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }]);
    expect(left.body).toMatchObject({ accepted: 0 });
  });

  it.each([
    ['POST', `${AT}/cells`, 405],
    ['GET', `${AT}/nothing`, 404],
    ['GET', `${AT}/messages?limit=0`, 400],
    ['GET', `/v1/sessions/${'x'.repeat(1025)}/messages`, 400],
  ])('%s %s', async (method, path, status) => {
    const { call } = await aDaemonWithJournal(store);

    expect((await call(method, path)).status).toBe(status);
  });

  it('everything while it is off, which is the default', async () => {
    const { call } = await aDaemonWithJournal(store, { enabled: false });

    const answer = await call('POST', `${AT}/messages`, { messages: [M] });

    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ error: { code: 'path_not_found' } });
  });
});
