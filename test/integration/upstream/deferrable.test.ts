// Which errors of real HTTP clients against real upstreams may be deferred: row by row.
import { request as nodeRequest } from 'node:http';
import OpenAI from 'openai';
import { Agent, request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '../../../src/core/errors.ts';
import { isDeferrableError } from '../../../src/index.ts';
import {
  answering,
  FAILING_UPSTREAMS,
  type FailingUpstream,
} from '../../support/failing-upstreams.ts';
import { startUpstream } from '../../support/upstream.ts';

const TIMEOUT_MS = 200;

/** Calls the origin as a client does; rejects with whatever that client makes of it. */
type Call = (origin: string) => Promise<unknown>;

const CLIENTS: Readonly<Record<string, Call>> = {
  fetch: async (origin) => {
    const response = await fetch(origin, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return await response.json();
  },
  undici: async (origin) => {
    const dispatcher = new Agent({
      connectTimeout: TIMEOUT_MS,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    onTestFinished(() => dispatcher.destroy());
    const { body } = await request(origin, { dispatcher });
    return await body.json();
  },
  'node:http': async (origin) => JSON.parse(await textByNode(origin)) as unknown,
  openai: async (origin) => {
    const client = new OpenAI({
      apiKey: 'k',
      baseURL: `${origin}/v1`,
      timeout: TIMEOUT_MS,
      maxRetries: 0,
    });
    return await client.chat.completions.create({ model: 'm', messages: [] });
  },
};

function textByNode(origin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const req = nodeRequest(origin, { signal }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (part) => (text += String(part)));
      res.on('error', reject);
      res.on('end', () => resolve(text));
    });
    req.on('error', (error) => {
      reject(signal.aborted ? new Error('late', { cause: signal.reason }) : error);
    });
    req.end();
  });
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
}

const DEFERRABLE: Readonly<Record<FailingUpstream, boolean>> = {
  refuses: true,
  'does not accept': true,
  'never answers': true,
  'resets before its head': true,
  'closes before its head': true,
  'resets after its head': true,
  'closes within its body': true,
  'falls silent after its head': true,
  'does not speak HTTP': false,
  'answers HTML as JSON': false,
};

/** Where the SDK tells nothing: a text is an answer to it, and its time limit ends with the head. */
const SDK_SAYS_NOTHING: ReadonlySet<string> = new Set([
  'answers HTML as JSON',
  'falls silent after its head',
]);

describe.each(Object.entries(CLIENTS))('with %s, work', (name, call) => {
  const rows = (Object.entries(DEFERRABLE) as [FailingUpstream, boolean][]).filter(
    ([what]) => name !== 'openai' || !SDK_SAYS_NOTHING.has(what),
  );

  it.each(rows)('whose upstream %s may be deferred: %s', async (what, deferrable) => {
    const origin = await FAILING_UPSTREAMS[what]();

    const error = await errorOf(call(origin));

    expect(isDeferrableError(error)).toBe(deferrable);
  });
});

describe('with an SDK, work', () => {
  it.each([
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [422, false],
    [429, true],
    [500, false],
    [502, true],
    [503, true],
    [504, true],
    [529, true],
  ])('that is answered %i may be deferred: %s', async (status, deferrable) => {
    const upstream = await startUpstream(answering(status));

    const error = await errorOf(CLIENTS['openai']!(upstream.url));

    expect(error).toMatchObject({ status });
    expect(isDeferrableError(error)).toBe(deferrable);
  });

  it('that is told that the quota is used up may not', async () => {
    const upstream = await startUpstream(answering(429, {}, { code: 'insufficient_quota' }));

    const error = await errorOf(CLIENTS['openai']!(upstream.url));

    expect(isDeferrableError(error)).toBe(false);
  });
});

describe('an error of our own', () => {
  it.each([
    new TypeError('undefined is not a function'),
    new Error('something'),
    new AppError('internal', 'An internal error occurred.'),
    new AppError('invalid_params', 'No.'),
    new AppError('budget_stop', 'No.'),
    new DOMException('aborted', 'AbortError'),
    'a text',
    undefined,
    null,
  ])('may not be deferred: %s', (error) => {
    expect(isDeferrableError(error)).toBe(false);
  });

  it('that holds itself as its cause is no trap', () => {
    const error = new Error('round');
    error.cause = error;

    expect(isDeferrableError(error)).toBe(false);
  });
});
