// @module-tag redis_required
// Chat requests whose history is the journal's: what the upstream is sent, and what is kept of a turn.
import { describe, expect, it } from 'vitest';
import { aDaemonWithJournal } from '../../support/journal-http.ts';
import { useRedis } from '../../support/redis.ts';
import type { Script } from '../../support/upstream.ts';

const store = useRedis();
const ON = { 'x-slotkeeper-history': 'on', 'x-slotkeeper-session': 'chat' };
const CHAT = '/v1/chat/completions';

/** Says how many messages it was sent. */
const counts: Script = ({ body }, res) => {
  const { messages } = JSON.parse(String(body)) as { messages: readonly unknown[] };
  res.writeHead(200, { 'content-type': 'application/json' });
  const message = { role: 'assistant', content: `${messages.length} messages` };
  res.end(JSON.stringify({ choices: [{ message }] }));
};

const streams: Script = (_seen, res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of ['Good ', 'day.']) {
    res.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
  }
  res.end('data: [DONE]\n\n');
};

const refuses: Script = (_seen, res) => {
  res.writeHead(400, { 'content-type': 'application/json' });
  res.end('{"error":{"message":"no"}}');
};

const saying = (content: string, more: object = {}) => ({
  model: 'small',
  messages: [
    { role: 'system', content: 'be kind' },
    { role: 'user', content },
  ],
  ...more,
});

async function kept(call: Awaited<ReturnType<typeof aDaemonWithJournal>>['call']) {
  const { data } = (await call('GET', '/v1/sessions/chat/messages')).body as {
    data: readonly { role: string; content: string; sender_id: string }[];
  };
  return data.map(({ role, content, sender_id: sender }) => [role, sender, content]);
}

describe('a chat request with its history', () => {
  it('sends what was said before, and whoever has its answer finds the turn', async () => {
    const { call, upstream } = await aDaemonWithJournal(store, {}, counts);

    await call('POST', CHAT, saying('one'), ON);
    const second = await call('POST', CHAT, saying('two', { user: 'ann' }), ON);
    const other = await call('POST', CHAT, saying('x'), { ...ON, 'x-slotkeeper-session': 'y' });
    const turns = await kept(call);

    expect(second.body).toMatchObject({ choices: [{ message: { content: '4 messages' } }] });
    expect(JSON.parse(String(upstream.seen[1]!.body))).toEqual({
      model: 'small',
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: 'one' },
        { role: 'assistant', content: '2 messages' },
        { role: 'user', content: 'two' },
      ],
      user: 'ann',
    });
    expect(other.body).toMatchObject({ choices: [{ message: { content: '2 messages' } }] });
    expect(turns).toEqual([
      ['user', 'user', 'one'],
      ['assistant', 'small', '2 messages'],
      ['user', 'ann', 'two'],
      ['assistant', 'small', '4 messages'],
    ]);
  });

  it('keeps a streamed answer whole', async () => {
    const { url, call } = await aDaemonWithJournal(store, {}, streams);

    const answer = await fetch(`${url}${CHAT}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer key-of-team-a-0001',
        ...ON,
      },
      body: JSON.stringify(saying('one', { stream: true })),
    });
    const text = await answer.text();

    expect(text).toContain('[DONE]');
    expect((await kept(call)).at(-1)).toEqual(['assistant', 'small', 'Good day.']);
  });

  it('keeps nothing of a request that was not answered well, or did not ask for it', async () => {
    const bad = await aDaemonWithJournal(store, {}, refuses);
    const good = await aDaemonWithJournal(store, {}, counts);

    const refused = await bad.call('POST', CHAT, saying('one'), ON);
    await good.call('POST', CHAT, saying('one'), { 'x-slotkeeper-session': 'chat' });

    expect(refused.status).toBe(400);
    expect([await kept(bad.call), await kept(good.call)]).toEqual([[], []]);
  });

  it.each([
    ['without a session', {}, { 'x-slotkeeper-history': 'on' }, CHAT],
    ['with another word', {}, { ...ON, 'x-slotkeeper-history': 'yes' }, CHAT],
    ['that would be deferred', {}, { ...ON, 'x-slotkeeper-defer': 'summarize' }, CHAT],
    ['of another kind', {}, ON, '/v1/embeddings'],
    ['while the journal is off', { enabled: false }, ON, CHAT],
  ])('%s is refused before anything is sent', async (_name, journal, headers, path) => {
    const { call, upstream } = await aDaemonWithJournal(store, journal, counts);

    const answer = await call('POST', path, saying('one'), headers);

    expect([answer.status, answer.body]).toMatchObject([
      400,
      { error: { code: 'invalid_params', param: 'x-slotkeeper-history' } },
    ]);
    expect(upstream.seen).toEqual([]);
  });
});
