// Sessions that give no run, and requests that could not be parked: told, but not with every request, and
// without the session itself.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { GatewayEmitter } from '../../../src/gateway/events.ts';
import { warnOfParking, warnOfRuns } from '../../../src/http/run-warnings.ts';
import { createLogger } from '../../../src/log/logger.ts';

const MINUTE_MS = 60_000;

function aListener() {
  const stream = new PassThrough();
  const events = new GatewayEmitter();
  const clock = { nowMs: 0 };
  const logger = createLogger({ level: 'warn', stream });
  warnOfRuns(events, logger, () => clock.nowMs);
  warnOfParking(events, logger, () => clock.nowMs);
  const lines = () =>
    String(stream.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { events, clock, lines };
}

describe('a session without a run', () => {
  it('is warned of at once, and then once a minute with the number of requests', () => {
    const { events, clock, lines } = aListener();

    for (const nowMs of [0, 1, 2, MINUTE_MS - 1, MINUTE_MS]) {
      clock.nowMs = nowMs;
      events.emit('sessionWithoutRun', { source: 'header' });
    }

    const written = lines();
    expect(written.map(({ requests }) => requests)).toEqual([1, 4]);
    expect(written[0]).toMatchObject({ level: 'warn', source: 'header' });
  });

  it('does not silence the other warning', () => {
    const { events, lines } = aListener();

    events.emit('sessionWithoutRun', { source: 'user' });
    events.emit('runNotRemembered', { error: new Error('away') });

    expect(lines()).toHaveLength(2);
  });
});

describe('a request that could not be parked', () => {
  it('is warned of where something failed, and not where there was no room', () => {
    const { events, lines } = aListener();

    events.emit('notParked', { stage: 'summarize', error: undefined });
    events.emit('notParked', { stage: 'classify', error: new Error('away') });

    const written = lines();
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({ level: 'warn', stage: 'classify', requests: 1 });
  });
});
