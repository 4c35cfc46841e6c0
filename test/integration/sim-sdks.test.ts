// Real clients against the simulated upstream: if they are content, so is the proxy's test bench.
import Anthropic from '@anthropic-ai/sdk';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Simulator } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';

const WORDS = 'slots are leased never';

let sim: Simulator;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  sim = await startSimulator({
    limits: { key: 4 },
    behaviour: { tokens: 4, chunkDelayMs: 1 },
    models: { 'gpt-4': {} },
  });
  openai = new OpenAI({ baseURL: `${sim.url}/v1`, apiKey: 'key', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: sim.url, apiKey: 'key', maxRetries: 0 });
});

afterAll(() => sim.stop());

const messages = [{ role: 'user' as const, content: 'Hello' }];

test('openai completes a chat', async () => {
  const answer = await openai.chat.completions.create({ model: 'gpt-4', messages });

  expect(answer.choices[0]?.message.content).toBe(WORDS);
  expect(answer.model).toBe('gpt-4');
  expect(answer.usage?.completion_tokens).toBe(4);
});

test('openai streams a chat with usage in the last chunk', async () => {
  const stream = await openai.chat.completions.create({
    model: 'gpt-4',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);

  expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(WORDS);
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
  expect(chunks.at(-1)?.usage?.completion_tokens).toBe(4);
  expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
});

test('openai streams no usage that it did not ask for', async () => {
  const stream = await openai.chat.completions.create({ model: 'gpt-4', messages, stream: true });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);

  expect(chunks.some((chunk) => chunk.usage !== undefined)).toBe(false);
  expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
});

test('openai completes a prompt, whole and streamed', async () => {
  const whole = await openai.completions.create({ model: 'gpt-4', prompt: 'Hello', max_tokens: 2 });
  const stream = await openai.completions.create({ model: 'gpt-4', prompt: 'Hello', stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';

  expect(whole.choices[0]).toMatchObject({ text: 'slots are', finish_reason: 'length' });
  expect(text).toBe(WORDS);
});

test('openai creates a response, whole and streamed', async () => {
  const whole = await openai.responses.create({ model: 'gpt-4', input: 'Hello' });
  const stream = openai.responses.stream({ model: 'gpt-4', input: 'Hello' });
  const types = new Set<string>();
  for await (const event of stream) types.add(event.type);
  const streamed = await stream.finalResponse();

  expect(whole.output_text).toBe(WORDS);
  expect(whole.usage?.output_tokens).toBe(4);
  expect(streamed.output_text).toBe(WORDS);
  expect(streamed.usage?.output_tokens).toBe(4);
  expect([...types]).toContain('response.output_text.delta');
  expect([...types].at(-1)).toBe('response.completed');
});

test('openai embeds texts, the same text to the same vector', async () => {
  const many = await openai.embeddings.create({ model: 'gpt-4', input: ['a', 'b', 'a'] });
  const floats = await openai.embeddings.create({
    model: 'gpt-4',
    input: 'a',
    encoding_format: 'float',
    dimensions: 16,
  });

  expect(many.data).toHaveLength(3);
  expect(many.data[0]?.embedding).toEqual(many.data[2]?.embedding);
  expect(many.data[0]?.embedding).not.toEqual(many.data[1]?.embedding);
  expect(floats.data[0]?.embedding).toHaveLength(16);
});

test('openai moderates, draws, speaks, transcribes and lists models', async () => {
  const file = await toFile(Buffer.from('RIFF'), 'a.wav');

  const moderation = await openai.moderations.create({ input: 'Hello' });
  const image = await openai.images.generate({ model: 'gpt-4', prompt: 'A key', n: 2 });
  const speech = await openai.audio.speech.create({ model: 'gpt-4', voice: 'alloy', input: 'Hi' });
  const heard = await openai.audio.transcriptions.create({ model: 'gpt-4', file });
  const models = await openai.models.list();

  expect(moderation.results[0]?.flagged).toBe(false);
  expect(image.data).toHaveLength(2);
  expect(Buffer.from(await speech.arrayBuffer()).toString('latin1', 0, 4)).toBe('RIFF');
  expect(heard.text).toBe(WORDS);
  expect(models.data.map((model) => model.id)).toEqual(['gpt-4']);
});

test('openai understands the refusals', async () => {
  const stranger = new OpenAI({ baseURL: `${sim.url}/v1`, apiKey: 'stranger', maxRetries: 0 });
  const limited = [{ role: 'user' as const, content: '[sim status=429]' }];

  const unknown = stranger.chat.completions.create({ model: 'gpt-4', messages });
  const tooMany = openai.chat.completions.create({ model: 'gpt-4', messages: limited });

  await expect(unknown).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  await expect(tooMany).rejects.toMatchObject({
    status: 429,
    code: 'rate_limit_exceeded',
    type: 'requests',
  });
});

test('anthropic creates a message, whole and streamed', async () => {
  const ask = { model: 'claude-sim', max_tokens: 100, messages };

  const whole = await anthropic.messages.create(ask);
  const streamed = await anthropic.messages.stream(ask).finalMessage();

  for (const message of [whole, streamed]) {
    expect(message.content[0]).toMatchObject({ type: 'text', text: WORDS });
    expect(message.stop_reason).toBe('end_turn');
    expect(message.usage.output_tokens).toBe(4);
  }
});

test('anthropic understands that the upstream is overloaded', async () => {
  const ask = { model: 'm@sim:status=529', max_tokens: 100, messages };

  const answer = anthropic.messages.create(ask);

  await expect(answer).rejects.toMatchObject({
    status: 529,
    error: { type: 'error', error: { type: 'overloaded_error' } },
  });
});

test('the AI SDK generates and streams a text', async () => {
  const provider = createOpenAICompatible({
    name: 'sim',
    baseURL: `${sim.url}/v1`,
    apiKey: 'key',
    includeUsage: true,
  });

  const whole = await generateText({ model: provider('gpt-4'), prompt: 'Hello' });
  const streamed = streamText({ model: provider('gpt-4'), prompt: 'Hello' });

  expect(whole.text).toBe(WORDS);
  expect(await streamed.text).toBe(WORDS);
  expect((await streamed.usage).outputTokens).toBe(4);
});

test('LangChain invokes and streams a chat', async () => {
  const chat = new ChatOpenAI({
    model: 'gpt-4',
    apiKey: 'key',
    configuration: { baseURL: `${sim.url}/v1` },
  });

  const whole = await chat.invoke('Hello');
  let streamed = '';
  for await (const chunk of await chat.stream('Hello')) streamed += chunk.text;

  expect(whole.content).toBe(WORDS);
  expect(streamed).toBe(WORDS);
});
