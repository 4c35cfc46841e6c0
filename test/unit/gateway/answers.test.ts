// What is understood of an upstream's answer: its usage, the end of its stream, and which of its
// headers pass.
import { describe, expect, it } from 'vitest';
import { passHeaders, upstreamHeaders } from '../../../src/upstream/headers.ts';
import { SseWatch } from '../../../src/upstream/sse.ts';
import { Tail, usageIn } from '../../../src/upstream/usage.ts';
import { DEFAULT_OUTCOMES } from '../../../src/config/outcomes-schema.ts';
import type { AccountConfig } from '../../../src/config/schema.ts';

const ACCOUNT: AccountConfig = {
  name: 'a1',
  label: 'l1',
  pool: 'openai',
  maxConcurrency: 1,
  weight: 1,
  priority: 0,
  enabled: true,
  models: ['gpt-4'],
  provider: 'openai',
  baseUrl: 'https://api.example/v1',
  credential: 'the-secret',
  credentialMark: 1,
  breaker: {
    enabled: true,
    consecutiveFailures: 5,
    errorRate: 0.5,
    minRequests: 20,
    windowMs: 60_000,
    openMs: 5000,
    maxOpenMs: 300_000,
    cooldownMs: 5000,
  },
  timeouts: {
    connectTimeoutMs: 1,
    headersTimeoutMs: 1,
    idleTimeoutMs: 1,
    totalTimeoutMs: 1,
  },
  outcomes: DEFAULT_OUTCOMES,
};

describe('the usage', () => {
  it.each([
    [
      'a chat completion',
      '"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}',
      { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1 },
    ],
    [
      'a stream whose other chunks say null',
      'data: {"usage":null}\n\ndata: {"usage": {"prompt_tokens":3,"completion_tokens":2}}\n\ndata: {"usage":null}\n\ndata: [DONE]\n\n',
      { inputTokens: 3, outputTokens: 2 },
    ],
    [
      'a response',
      '"usage":{"input_tokens":30,"input_tokens_details":{"cached_tokens":4},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":39},"user":null,"metadata":{}}}\n\n',
      { inputTokens: 30, outputTokens: 9, cachedInputTokens: 4 },
    ],
    [
      'a message, which counts cached input beside the other',
      'event: message_delta\ndata: {"type":"message_delta","usage":{"input_tokens":8,"cache_read_input_tokens":2,"output_tokens":15}}\n\n',
      { inputTokens: 10, outputTokens: 15, cachedInputTokens: 2 },
    ],
  ])('of %s is found', (_what, text, usage) => {
    expect(usageIn(Buffer.from(text))).toMatchObject(usage);
  });

  it.each([
    ['', 'nothing'],
    ['{"content":"he said \\"usage\\":{\\"prompt_tokens\\":1}"}', 'quoted text'],
    ['{"usage":{"prompt_tokens":', 'a cut'],
    ['{"usage":{"prompt_tokens":-1,"completion_tokens":1e308}}', 'impossible counts'],
    ['{"usage":{"prompt_tokens":"7"}}', 'words'],
    ['{"usage":[1]}', 'a list'],
  ])('is not made up from %j (%s)', (text) => {
    expect(usageIn(Buffer.from(text))).toBeUndefined();
  });

  it('survives however the answer is cut into chunks, in bounded memory', () => {
    const text = `${'data: {"delta":"word"}\n\n'.repeat(2000)}data: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n`;

    for (const size of [1, 7, 100, 5000, 1_000_000]) {
      const tail = new Tail();
      for (let at = 0; at < text.length; at += size)
        tail.push(Buffer.from(text.slice(at, at + size)));

      expect(usageIn(tail.read())).toMatchObject({ inputTokens: 1, outputTokens: 2 });
      expect(tail.read().length).toBeLessThan(4096 + 8 * size);
    }
  });
});

describe('a stream of events', () => {
  const see = (...chunks: readonly string[]) => {
    const watch = new SseWatch();
    const faults = chunks.map((chunk) => watch.see(Buffer.from(chunk)));
    return { done: watch.done, fault: faults.find((fault) => fault !== undefined) };
  };

  it.each([
    [['data: [DONE]\n\n']],
    [['data: {}\n\ndata: [DONE]\n\n']],
    [['data: {}\n\n', 'data: [DONE]\n\n']],
    [['data: {}\r\n\r\n', 'data: [DONE]\r\n\r\n']],
  ])('is seen to be done: %j', (chunks) => {
    expect(see(...chunks)).toEqual({ done: true, fault: undefined });
  });

  it.each([
    [['data: {"text":"data: [DONE]"}\n\n']],
    [['data: {"text":"', 'data: [DONE]"}\n\n']],
    [['data: {}\n\n']],
  ])('is not done because an answer speaks of it: %j', (chunks) => {
    expect(see(...chunks)).toEqual({ done: false, fault: undefined });
  });

  it('may not have a line without end, nor go on after its end', () => {
    const megabyte = 'x'.repeat(1024 * 1024);

    expect(see(...Array<string>(17).fill(megabyte)).fault).toBe('endless_line');
    expect(see(...Array<string>(17).fill(`${megabyte}\n`)).fault).toBeUndefined();
    expect(see('data: [DONE]\n\n', `${megabyte}\n`).fault).toBe('endless_end');
    expect(see(`data: [DONE]\n\n${megabyte}`).fault).toBe('endless_end');
    expect(see('data: [DONE]\n\n', ': bye\n\n').fault).toBeUndefined();
  });
});

describe('headers', () => {
  const flat = (headers: readonly string[]) => {
    const pairs: [string, string][] = [];
    for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at]!, headers[at + 1]!]);
    return Object.fromEntries(pairs);
  };

  it('of the client reach the upstream only from a list, and the credential is ours', () => {
    const client = {
      accept: 'application/json',
      authorization: 'Bearer client-secret',
      'x-api-key': 'client-secret',
      cookie: 'a=b',
      'openai-organization': 'org',
      'openai-project': 'p',
      'proxy-authorization': 'Basic x',
      'idempotency-key': 'k',
      'x-forwarded-for': '1.2.3.4',
      host: 'evil',
      connection: 'close, x-api-key',
      'openai-beta': 'assistants=v2',
      traceparent: '00-1-2-3',
      'accept-encoding': 'gzip',
    };

    const sent = flat(upstreamHeaders(ACCOUNT, client, 'application/json'));

    expect(sent).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      authorization: 'Bearer the-secret',
      'content-type': 'application/json',
      'openai-beta': 'assistants=v2',
      traceparent: '00-1-2-3',
    });
  });

  it('for Anthropic carry its key and a version, the client’s own if it sends one', () => {
    const account = { ...ACCOUNT, provider: 'anthropic' } as const;

    const plain = flat(upstreamHeaders(account, {}, 'application/json'));
    const own = flat(
      upstreamHeaders(account, { 'anthropic-version': '2030-01-01' }, 'application/json'),
    );

    expect(plain).toMatchObject({ 'x-api-key': 'the-secret', 'anthropic-version': '2023-06-01' });
    expect(plain).not.toHaveProperty('authorization');
    expect(own['anthropic-version']).toBe('2030-01-01');
  });

  it('of the upstream reach the client only from a list', () => {
    const passed: string[] = [];

    passHeaders(
      {
        'content-type': 'application/json',
        'content-length': '3',
        'x-ratelimit-remaining-requests': '9',
        'anthropic-ratelimit-tokens-limit': '5',
        'x-request-id': 'req_1',
        'set-cookie': ['a=b'],
        'openai-organization': 'org',
        connection: 'x-secret',
        'x-secret': '1',
        'transfer-encoding': 'chunked',
        'keep-alive': 'timeout=5',
        'strict-transport-security': 'max-age=1',
        location: 'http://elsewhere',
      },
      passed,
    );

    expect(flat(passed)).toEqual({
      'content-type': 'application/json',
      'content-length': '3',
      'x-ratelimit-remaining-requests': '9',
      'anthropic-ratelimit-tokens-limit': '5',
      'x-upstream-request-id': 'req_1',
    });
  });
});
