// Lines of the output and error files, as OpenAI writes them.
import { describe, expect, it } from 'vitest';
import { encodeEnd, hasSucceeded, outputLine, type LineEnd } from '../../../src/batches/outcome.ts';

const NAMES = { id: 'batch_req_1', customId: 'a "b"' };
const answered = (status: number, body: string): LineEnd => ({
  kind: 'answered',
  status,
  requestId: 'req-1',
  body,
});
const told = (end: LineEnd): Record<string, unknown> =>
  JSON.parse(outputLine(NAMES, encodeEnd(end))) as Record<string, unknown>;

describe('the outcome of a line', () => {
  it('is an answer in the bytes of its upstream', () => {
    const body = '{"n": 12345678901234567890, "text":"a\\nb"}';

    const line = outputLine(NAMES, encodeEnd(answered(200, body)));

    expect(line).toBe(
      `{"id":"batch_req_1","custom_id":"a \\"b\\"","response":{"status_code":200,"request_id":"req-1","body":${body}},"error":null}`,
    );
  });

  it.each(['{\n  "a": 1\n}', '{"a":1}\r\n'])('stands in one line: %j', (body) => {
    expect(outputLine(NAMES, encodeEnd(answered(200, body)))).not.toMatch(/[\r\n]/);
    expect(told(answered(200, body))).toMatchObject({ response: { body: { a: 1 } } });
  });

  it('that is no JSON is a text', () => {
    expect(told(answered(502, '<html>'))).toMatchObject({ response: { body: '<html>' } });
  });

  it.each([
    [answered(200, '{}'), true],
    [answered(429, '{}'), false],
    [{ kind: 'failed', code: 'model_not_found', message: 'm' }, false],
    [{ kind: 'cancelled' }, false],
    [{ kind: 'expired' }, false],
  ] as const)('of %j goes to the right file', (end, isGood) => {
    expect(hasSucceeded(encodeEnd(end))).toBe(isGood);
  });

  it.each([
    [{ kind: 'failed', code: 'model_not_found', message: 'm' }, 'model_not_found'],
    [{ kind: 'cancelled' }, 'batch_cancelled'],
    [{ kind: 'expired' }, 'batch_expired'],
  ] as const)('of %j is an error without a response', (end, code) => {
    expect(told(end)).toMatchObject({ response: null, error: { code } });
  });
});
