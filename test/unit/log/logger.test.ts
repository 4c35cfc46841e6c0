// The log line as operators get it: what is in it, and what never is.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/log/logger.ts';
import { redact, redactText } from '../../../src/log/redact.ts';

const SECRET = 'sk-test-1234567890abcdef';

function aLog(level: 'info' | 'debug' = 'info') {
  const stream = new PassThrough();
  const logger = createLogger({ level, stream });
  const text = (): string => (stream.read() as Buffer | null)?.toString() ?? '';
  return { logger, text };
}

describe('the logger', () => {
  it('writes one JSON object a line with time, level, message and fields', () => {
    const { logger, text } = aLog();

    logger.info('request finished', { status: 200, path: '/v1/models' });

    const line = JSON.parse(text()) as Record<string, unknown>;
    expect(line).toMatchObject({
      level: 'info',
      message: 'request finished',
      status: 200,
      path: '/v1/models',
    });
    expect(Date.parse(line['time'] as string)).not.toBeNaN();
  });

  it('leaves out lines below its level', () => {
    const { logger, text } = aLog();

    logger.debug('noise');

    expect(text()).toBe('');
    expect(logger.enabled('debug')).toBe(false);
    expect(logger.enabled('warn')).toBe(true);
  });

  it('keeps line breaks, terminal escapes and unicode separators of values inside one line', () => {
    const { logger, text } = aLog();

    logger.warn('model \r\n{"level":"error"}', { model: '\u001b[31mred\u009b2J\u2028next' });

    const written = text();
    expect(written.split('\n')).toHaveLength(2);
    expect(written.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/);
    expect(JSON.parse(written)).toMatchObject({ model: '\u001b[31mred\u009b2J\u2028next' });
  });

  it('hides authorization headers that are nested in the causes of errors', () => {
    const { logger, text } = aLog();
    const request = { headers: { Authorization: `Bearer ${SECRET}`, 'X-Api-Key': SECRET } };
    const cause = Object.assign(new Error(`refused ${SECRET}`), {
      config: { request, rawHeaders: ['Cookie', 'session=abc', 'accept', '*/*'] },
    });
    const error = new AggregateError([cause], `call failed with Bearer ${SECRET}`, { cause });

    logger.error('upstream failed', { error });

    const written = text();
    expect(written).not.toContain(SECRET);
    expect(written).not.toContain('session=abc');
    expect(written).toContain('upstream failed');
    expect(written).toContain('*/*');
    expect(JSON.parse(written)).toHaveProperty('error.cause.config.request.headers');
  });

  it('goes on when its stream is gone', async () => {
    const stream = new PassThrough();
    const logger = createLogger({ level: 'info', stream });
    const closed = new Promise((resolve) => stream.once('close', resolve));

    stream.destroy(new Error('EPIPE'));
    await closed;

    expect(() => logger.info('still here')).not.toThrow();
  });
});

describe('the redactor', () => {
  it.each([
    ['a URL with userinfo', 'connect rediss://user:hunter2@redis.example:6379/0', 'hunter2'],
    ['a password-only URL', 'redis://:hunter2@127.0.0.1', 'hunter2'],
    ['a bearer token', 'authorization: Bearer abcdef.ghijkl', 'abcdef'],
    ['an api key in a query', 'GET /x?api_key=abcdef123&y=1', 'abcdef123'],
    ['an api key in JSON text', '{"api-key":"abcdef123","n":1}', 'abcdef123'],
    ['an api key in escaped JSON text', '{\\"x-api-key\\":\\"abcdef123\\"}', 'abcdef123'],
    ['a cookie header', 'Cookie: a=1; session=abcdef123', 'abcdef123'],
    ['an OpenAI key', `Incorrect API key provided: ${SECRET}.`, SECRET],
    ['a key behind an underscore', `key_${SECRET}`, SECRET],
    ['a Google key', 'AIzaSyA-1234567890abcdefghijklmnop', 'AIzaSy'],
    ['a password assignment', 'password=hunter2', 'hunter2'],
  ])('hides %s', (_what, text, secret) => {
    const result = redactText(text);

    expect(result).not.toContain(secret);
    expect(result).toContain('[redacted]');
  });

  it('leaves ordinary words alone', () => {
    const text =
      'task-force of 12 tokens asked for gpt-4 at https://api.example.com/v1 (risk-free)';

    const result = redactText(text);

    expect(result).toBe(text);
  });

  it.each([
    'credential',
    'apiKey',
    'api_key',
    'X-API-Key',
    'Set-Cookie',
    'accessToken',
    'password',
  ])('hides everything under the key %s', (key) => {
    const result = redact({ [key]: { nested: ['plain words'] }, total_tokens: 7 });

    expect(result).toEqual({ [key]: '[redacted]', total_tokens: 7 });
  });

  it('cuts cycles, but writes a repeated value each time', () => {
    const shared = { n: 1 };
    const root: Record<string, unknown> = { first: shared, second: shared };
    root['self'] = root;

    const result = redact(root);

    expect(result).toEqual({ first: { n: 1 }, second: { n: 1 }, self: '[circular]' });
  });

  it('bounds depth, breadth and length', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    const row = Array.from({ length: 1000 }, () => [{}]);
    const wide = Array.from({ length: 1000 }, () => row);
    const long = Array.from({ length: 1000 }, () => 'x'.repeat(10_000));

    const written = JSON.stringify(redact({ deep, long, wide }));

    expect(written.length).toBeLessThan(150_000);
    expect(written).not.toContain('bottom');
  });

  it('takes linear time for hostile text', () => {
    const hostile = [
      'a-'.repeat(4000),
      'bearer '.repeat(1100),
      'a:'.repeat(4000),
      'sk-'.repeat(2700),
    ];

    const started = performance.now();
    for (const text of hostile) redactText(text);

    expect(performance.now() - started).toBeLessThan(200);
  });

  it('survives getters that throw, and reads values that are not plain', () => {
    const value = Object.defineProperty(
      { when: new Date(0), big: 1n, bytes: Buffer.from(SECRET) },
      'bad',
      {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      },
    );

    const result = redact(value);

    expect(result).toEqual({
      when: '1970-01-01T00:00:00.000Z',
      big: '1',
      bytes: '[24 bytes]',
      bad: '[unreadable]',
    });
  });
});
