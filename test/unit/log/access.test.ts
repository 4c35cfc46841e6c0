// The access line: what it says, what it can never say, and its place among other lines.
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { accessLine, type AccessFacts } from '../../../src/log/access.ts';
import { LineBuffer } from '../../../src/log/line-buffer.ts';
import { createLogger, type LogLevel } from '../../../src/log/logger.ts';

const SECRET = 'sk-test-1234567890abcdef';
const FACTS: AccessFacts = { requestId: 'r1', path: 'chat', status: 200, totalMs: 12.3456789 };

function aLog(level: LogLevel) {
  const stream = new PassThrough();
  const logger = createLogger({ level, stream });
  const text = (): string => (stream.read() as Buffer | null)?.toString() ?? '';
  return { logger, text };
}

function parsed(line: string): Record<string, unknown> {
  return JSON.parse(line) as Record<string, unknown>;
}

describe('the access line', () => {
  it('has the known facts and nothing else that comes with them', () => {
    const request = { ...FACTS, headers: { authorization: `Bearer ${SECRET}` }, body: 'a prompt' };

    const line = accessLine(request, new Date(0));

    expect(parsed(line)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      message: 'request',
      requestId: 'r1',
      path: 'chat',
      status: 200,
      totalMs: 12.346,
    });
  });

  it('hides secrets in the texts that others wrote', () => {
    const cause = new Error(`connect https://user:hunter2@upstream.example refused`);
    const error = new Error(`Incorrect API key provided: ${SECRET}`, { cause });

    const line = accessLine({ ...FACTS, requestId: `id ${SECRET}`, error }, new Date(0));

    expect(line).not.toContain(SECRET);
    expect(line).not.toContain('hunter2');
    expect(parsed(line)).toMatchObject({
      requestId: 'id [redacted]',
      error: 'Incorrect API key provided: [redacted]',
      cause: 'connect https://[redacted]@upstream.example refused',
    });
  });

  it('keeps line breaks, terminal escapes and unicode separators of values inside one line', () => {
    const hostile = 'a\r\n{"level":"error"}\u001b[31m\u009b2J\u2028';

    const line = accessLine(
      { ...FACTS, requestId: hostile, route: hostile, error: new Error(hostile) },
      new Date(0),
    );

    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/);
    expect(parsed(line)).toMatchObject({ requestId: hostile, route: hostile, error: hostile });
  });

  it('bounds the length of what others wrote', () => {
    const error = new Error('x'.repeat(100_000), { cause: new Error('y'.repeat(100_000)) });

    const line = accessLine({ ...FACTS, error }, new Date(0));

    expect(line.length).toBeLessThan(20_000);
  });
});

describe('the logger', () => {
  it('keeps access lines in order with all others', () => {
    const { logger, text } = aLog('info');

    logger.info('first');
    logger.access(FACTS);
    logger.warn('third');

    const messages = text()
      .trim()
      .split('\n')
      .map((line) => parsed(line)['message']);
    expect(messages).toEqual(['first', 'request', 'third']);
  });

  it('leaves access lines out above level info', () => {
    const { logger, text } = aLog('warn');

    logger.access(FACTS);

    expect(text()).toBe('');
  });
});

describe('a line buffer', () => {
  it('writes what it has collected as one text, in order, when it is flushed', () => {
    const written: string[] = [];
    const target = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        written.push(chunk.toString());
        done();
      },
    });
    const buffer = new LineBuffer(target);

    buffer.write('a\n');
    buffer.write('b\n');
    buffer.flush();
    buffer.flush();

    expect(written).toEqual(['a\nb\n']);
  });
});
