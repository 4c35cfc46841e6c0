// The other clients that people use, through the proxy: each whole, streamed and aborted.
// @module-tag redis_required
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useRedis } from '../support/redis.ts';
import { aSimulatedProxy, expectNothingLeft } from '../support/simulated.ts';

const store = useRedis();
const WORDS = 'slots are leased never';
const ENDLESS = '[sim tokens=10000 chunk=10]';

describe('ai with @ai-sdk/openai-compatible', () => {
  const aModel = (url: string) =>
    createOpenAICompatible({ name: 'slotkeeper', baseURL: `${url}/v1`, apiKey: 'unused' })('gpt-4');

  it('generates and streams text', async () => {
    const { proxy, sim } = await aSimulatedProxy(store);
    const model = aModel(proxy.url);

    const whole = await generateText({ model, prompt: 'Hello', maxRetries: 0 });
    const streamed = streamText({ model, prompt: 'Hello', maxRetries: 0 });

    expect(whole.text).toBe(WORDS);
    expect(await streamed.text).toBe(WORDS);
    await expectNothingLeft(proxy, sim);
  });

  it('that aborts a stream gives its slot back', async () => {
    const { proxy, sim } = await aSimulatedProxy(store);
    const leaving = new AbortController();
    const { signal: abortSignal } = leaving;

    const { textStream } = streamText({ model: aModel(proxy.url), prompt: ENDLESS, abortSignal });
    const reader = textStream.getReader();
    await reader.read();
    leaving.abort();

    await expectNothingLeft(proxy, sim);
    expect(proxy.finished[0]).toMatchObject({ status: 499 });
  });
});

describe('@langchain/openai', () => {
  const aChat = (url: string) =>
    new ChatOpenAI({
      model: 'gpt-4',
      apiKey: 'unused',
      maxRetries: 0,
      configuration: { baseURL: `${url}/v1` },
    });

  it('invokes and streams', async () => {
    const { proxy, sim } = await aSimulatedProxy(store);
    const chat = aChat(proxy.url);

    const whole = await chat.invoke('Hello');
    let streamed = '';
    for await (const chunk of await chat.stream('Hello')) streamed += chunk.text;

    expect(whole.text).toBe(WORDS);
    expect(streamed).toBe(WORDS);
    await expectNothingLeft(proxy, sim);
  });

  it('that aborts gives its slot back', async () => {
    const { proxy, sim } = await aSimulatedProxy(store);
    const leaving = new AbortController();
    const left = expect(
      aChat(proxy.url).invoke('[sim latency=60000]', { signal: leaving.signal }),
    ).rejects.toThrow();
    await eventually(() => expect(sim.snapshot().inFlight).toBe(1));

    leaving.abort();
    await left;

    await expectNothingLeft(proxy, sim);
  });
});

describe('@anthropic-ai/sdk', () => {
  const aClient = (url: string) => new Anthropic({ baseURL: url, apiKey: 'unused', maxRetries: 0 });
  const question = (content: string) => ({
    model: 'deep',
    max_tokens: 100,
    messages: [{ role: 'user' as const, content }],
  });

  it('creates and streams messages, with their usage', async () => {
    const { proxy, sim } = await aSimulatedProxy(store, { provider: 'anthropic' });
    const client = aClient(proxy.url);

    const whole = await client.messages.create(question('Hello'));
    const streamed = await client.messages.stream(question('Hello')).finalText();

    expect(whole.content).toMatchObject([{ type: 'text', text: WORDS }]);
    expect(streamed).toBe(WORDS);
    await expectNothingLeft(proxy, sim);
    expect(proxy.finished.map(({ usage }) => usage?.outputTokens)).toEqual([4, 4]);
  });

  it('that aborts a stream gives its slot back', async () => {
    const { proxy, sim } = await aSimulatedProxy(store, { provider: 'anthropic' });

    const stream = await aClient(proxy.url).messages.create({ ...question(ENDLESS), stream: true });
    for await (const event of stream) if (event.type === 'content_block_delta') break;

    await expectNothingLeft(proxy, sim);
    expect(proxy.finished[0]).toMatchObject({ status: 499, path: 'messages' });
  });

  it('understands a refusal and a stream that breaks', async () => {
    const { proxy, sim } = await aSimulatedProxy(store, { provider: 'anthropic', slots: 1 });
    const client = aClient(proxy.url);
    const busy = await client.messages.create({
      ...question('[sim fault=cut chunk=50]'),
      stream: true,
    });

    const full = client.messages.create(question('Hello'));
    await expect(full).rejects.toMatchObject({
      status: 429,
      error: { type: 'error', error: { type: 'rate_limit_error', code: 'pool_full' } },
    });
    const reading = (async () => {
      for await (const event of busy) expect(event.type).not.toBe('message_stop');
    })();
    await expect(reading).rejects.toThrow(/upstream_unreachable/);

    await expectNothingLeft(proxy, sim);
  });
});
