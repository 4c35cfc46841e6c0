// Bodies and headers of refusals, as the two families of clients read them.
import { describe, expect, it } from 'vitest';
import { AppError, ERROR_CODES } from '../../../src/core/errors.ts';
import { errorBody, errorHeaders, originOf, statusOf } from '../../../src/http/errors.ts';

const ABOUT = { origin: 'gateway', requestId: 'r1' } as const;

function headersOf(error: AppError): readonly string[] {
  return errorHeaders(error, { ...ABOUT, bytes: 2 });
}

describe('a refusal', () => {
  it('has OpenAI’s shape', () => {
    const error = new AppError('invalid_params', 'n is too large.', { param: 'n' });

    const body: unknown = JSON.parse(errorBody(error, { dialect: 'openai', ...ABOUT }));

    expect(body).toEqual({
      error: {
        message: 'n is too large.',
        type: 'invalid_request_error',
        param: 'n',
        code: 'invalid_params',
        origin: 'gateway',
      },
    });
  });

  it('has Anthropic’s shape for its clients', () => {
    const error = new AppError('pool_full', 'All slots are taken.');

    const body: unknown = JSON.parse(errorBody(error, { dialect: 'anthropic', ...ABOUT }));

    expect(body).toEqual({
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: 'All slots are taken.',
        code: 'pool_full',
        origin: 'gateway',
        rule: 'pool_full',
        retry_after_ms: null,
      },
      request_id: 'r1',
    });
  });

  it.each(ERROR_CODES.filter((code) => [429, 503].includes(statusOf(code))))(
    'for %s says when to come again, in seconds and in milliseconds',
    (code) => {
      const told = headersOf(new AppError(code, 'no', { retryAfterMs: 2100 }));
      const untold = headersOf(new AppError(code, 'no'));

      expect(told).toEqual(expect.arrayContaining(['retry-after', '3', 'retry-after-ms', '2100']));
      expect(untold).toEqual(
        expect.arrayContaining(['retry-after', '1', 'retry-after-ms', '1000']),
      );
    },
  );

  it('blames the upstream for what the upstream did, and nobody else', () => {
    const blamed = ERROR_CODES.filter((code) => originOf(code) === 'upstream');

    expect(blamed).toEqual(['upstream_unreachable', 'upstream_timeout', 'upstream_protocol']);
  });
});
