// Which events become lines, at which level, and how many.
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SchedulerEmitter } from '../../../src/core/events.ts';
import { createLogger } from '../../../src/log/logger.ts';
import { logScheduler } from '../../../src/log/observe.ts';

afterEach(() => vi.useRealTimers());

function aLog() {
  const stream = new PassThrough();
  const logger = createLogger({ level: 'info', stream });
  const lines = (): Record<string, unknown>[] => {
    const text = (stream.read() as Buffer | null)?.toString().trim() ?? '';
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as never);
  };
  return { logger, lines };
}

describe('events of the heart', () => {
  it('warn about what operators should see', () => {
    const { logger, lines } = aLog();
    const events = new SchedulerEmitter();
    logScheduler(events, logger);

    events.emit('lost', { requestId: 'r1', account: 'a1' });
    events.emit('releaseFailed', { requestId: 'r1', account: 'a1', error: new Error('timeout') });
    events.emit('reaped', { slots: 2 });
    events.emit('overage', { slots: 1 });
    events.emit('recovery', { incarnation: 2 });
    events.emit('audited', { differences: 0 });
    events.emit('audited', { differences: 3 });

    const written = lines();
    expect(written.map(({ level }) => level)).toEqual([...Array<string>(5).fill('warn'), 'error']);
    expect(written).toMatchObject([
      { requestId: 'r1', account: 'a1' },
      { error: { message: 'timeout' } },
      { slots: 2 },
      { slots: 1 },
      { incarnation: 2 },
      { differences: 3 },
    ]);
  });

  it('say once in five seconds that the store fails, with the number of calls', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { logger, lines } = aLog();
    const events = new SchedulerEmitter();
    logScheduler(events, logger);

    for (let i = 0; i < 1000; i += 1) events.emit('storeError', { error: new Error('down') });
    const atOnce = lines();
    vi.advanceTimersByTime(5000);
    events.emit('storeError', { error: new Error('down') });

    expect(atOnce).toMatchObject([{ level: 'warn', calls: 1, error: { message: 'down' } }]);
    expect(lines()).toMatchObject([{ level: 'warn', calls: 1000 }]);
  });
});
