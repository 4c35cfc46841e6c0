// Sessions that give no run: told, but not with every request, and without the session itself.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { GatewayEmitter } from '../../../src/gateway/events.ts';
import { warnOfRuns } from '../../../src/http/run-warnings.ts';
import { createLogger } from '../../../src/log/logger.ts';

const MINUTE_MS = 60_000;

function aListener() {
  const stream = new PassThrough();
  const events = new GatewayEmitter();
  const clock = { nowMs: 0 };
  warnOfRuns(events, createLogger({ level: 'warn', stream }), () => clock.nowMs);
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
