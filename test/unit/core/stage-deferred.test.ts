// What a caller makes of an answer that says that its request waits.
import { describe, expect, it } from 'vitest';
import { StageDeferred, stageDeferredIn } from '../../../src/index.ts';

const BODY = {
  object: 'deferred',
  id: 'dfr_1',
  status: 'deferred',
  stage: 'summarize',
  reason: 'deep_unavailable:ConnectRefused',
  retry_after_minutes: 30,
  due_at: '2030-01-01T12:30:00.000Z',
  status_url: '/v1/deferred/dfr_1',
};

describe('an answer', () => {
  it('that says that its request waits is a StageDeferred, with what it says', () => {
    const deferred = stageDeferredIn(BODY);

    expect(deferred).toBeInstanceOf(StageDeferred);
    expect(deferred).toMatchObject({
      name: 'StageDeferred',
      id: 'dfr_1',
      stage: 'summarize',
      reason: 'deep_unavailable:ConnectRefused',
      retryAfterMinutes: 30,
      dueAt: new Date('2030-01-01T12:30:00.000Z'),
      statusUrl: '/v1/deferred/dfr_1',
    });
  });

  it.each([[undefined], [null], ['deferred'], [[]], [{ object: 'chat.completion', id: 'x' }]])(
    'that is %j is none',
    (body) => {
      expect(stageDeferredIn(body)).toBeUndefined();
    },
  );
});
