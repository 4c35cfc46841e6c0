// OpenAI's own client through the proxy, before the simulated upstream that counts for itself how
// many requests a credential runs at a time.
// @module-tag redis_required
import OpenAI, { toFile } from 'openai';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aSimulatedProxy, expectNothingLeft } from '../support/simulated.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const messages = [{ role: 'user' as const, content: 'Hello' }];

async function aClient(options: { readonly slots?: number; readonly maxRetries?: number } = {}) {
  const { proxy, sim } = await aSimulatedProxy(store, options);
  const { maxRetries = 0 } = options;
  const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'unused', maxRetries });
  return { client, proxy, sim };
}

describe('openai', () => {
  it('completes a chat, under an alias, and sees the upstream’s own model', async () => {
    const { client, proxy, sim } = await aClient();

    const answer = await client.chat.completions.create({ model: 'deep', messages });

    expect(answer.choices[0]?.message.content).toBe('slots are leased never');
    expect(answer.model).toBe('gpt-4-0613');
    expect(answer._request_id).toMatch(/^[\w-]{21}$/);
    await expectNothingLeft(proxy, sim);
    expect(proxy.finished[0]).toMatchObject({ path: 'chat', outcome: 'success' });
    expect(proxy.finished[0]?.usage?.outputTokens).toBe(4);
  });

  it('streams a chat with usage', async () => {
    const { client, proxy, sim } = await aClient();

    const stream = await client.chat.completions.create({
      model: 'gpt-4',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);

    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
    expect(text).toBe('slots are leased never');
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(4);
    await expectNothingLeft(proxy, sim);
    expect(proxy.finished[0]).toMatchObject({ stream: true, usage: { outputTokens: 4 } });
  });

  it('creates responses, whole and streamed, with their usage', async () => {
    const { client, proxy, sim } = await aClient();

    const whole = await client.responses.create({ model: 'gpt-4', input: 'Hello' });
    const streamed = await client.responses
      .stream({ model: 'gpt-4', input: 'Hello' })
      .finalResponse();

    expect(whole.output_text).toBe('slots are leased never');
    expect(streamed.output_text).toBe('slots are leased never');
    await expectNothingLeft(proxy, sim);
    expect(proxy.finished.map(({ usage }) => usage?.outputTokens)).toEqual([4, 4]);
  });

  it('embeds, draws, speaks, transcribes and lists models', async () => {
    const { client, proxy, sim } = await aClient();
    const file = await toFile(Buffer.from('RIFF'), 'a.wav');

    const embedded = await client.embeddings.create({ model: 'gpt-4', input: ['a', 'b'] });
    const moderated = await client.moderations.create({ model: 'gpt-4', input: 'Hello' });
    const image = await client.images.generate({ model: 'gpt-4', prompt: 'A key', n: 2 });
    const spoken = await client.audio.speech.create({ model: 'deep', voice: 'alloy', input: 'Hi' });
    const heard = await client.audio.transcriptions.create({ model: 'deep', file });
    const models = await client.models.list();

    expect(embedded.data).toHaveLength(2);
    expect(moderated.results).toHaveLength(1);
    expect(image.data).toHaveLength(2);
    expect(Buffer.from(await spoken.arrayBuffer()).toString('latin1', 0, 4)).toBe('RIFF');
    expect(heard.text).toBe('slots are leased never');
    expect(models.data.map(({ id }) => id)).toEqual(expect.arrayContaining(['gpt-4', 'deep']));
    await expectNothingLeft(proxy, sim);
  });

  it('that aborts before its answer gives its slot back', async () => {
    const { client, proxy, sim } = await aClient();
    const leaving = new AbortController();
    const content = '[sim latency=60000]';
    const left = expect(
      client.chat.completions.create(
        { model: 'gpt-4', messages: [{ role: 'user', content }] },
        { signal: leaving.signal },
      ),
    ).rejects.toThrow(OpenAI.APIUserAbortError);
    await eventually(() => expect(sim.snapshot().inFlight).toBe(1));

    leaving.abort();
    await left;

    await expectNothingLeft(proxy, sim);
    expect(proxy.finished[0]).toMatchObject({ status: 499, outcome: 'ignored' });
  });

  it('that stops reading a stream gives its slot back', async () => {
    const { client, proxy, sim } = await aClient();
    const content = '[sim tokens=10000 chunk=10]';

    const stream = await client.chat.completions.create({
      model: 'gpt-4',
      messages: [{ role: 'user', content }],
      stream: true,
    });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;

    await expectNothingLeft(proxy, sim);
    expect(proxy.finished[0]).toMatchObject({ status: 499, outcome: 'ignored' });
  });

  it('understands a refusal, an unknown model and a stream that breaks', async () => {
    const { client, proxy, sim } = await aClient({ slots: 1 });
    const busy = await client.chat.completions.create({
      model: 'gpt-4',
      messages: [{ role: 'user', content: '[sim fault=cut chunk=50]' }],
      stream: true,
    });

    const full = client.chat.completions.create({ model: 'gpt-4', messages });
    await expect(full).rejects.toMatchObject({ status: 429, code: 'pool_full' });
    await expect(full).rejects.toThrow(OpenAI.RateLimitError);
    const unknown = client.chat.completions.create({ model: 'gpt-9', messages });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    const reading = (async () => {
      for await (const chunk of busy) expect(chunk.object).toBe('chat.completion.chunk');
    })();
    await expect(reading).rejects.toMatchObject({ code: 'upstream_unreachable' });

    await expectNothingLeft(proxy, sim);
  });

  it('obeys retry-after when all slots are taken: more callers than slots all get answers', async () => {
    const { client, proxy, sim } = await aClient({ slots: 2, maxRetries: 100 });

    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        client.chat.completions.create({ model: 'gpt-4', messages }),
      ),
    );

    expect(answers).toHaveLength(12);
    expect(sim.snapshot()).toMatchObject({ oversold: 0, rejected: 0 });
    await expectNothingLeft(proxy, sim);
  });
});
