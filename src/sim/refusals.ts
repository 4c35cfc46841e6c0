// Errors in the shape that each provider's own clients understand.

export type Dialect = 'openai' | 'anthropic';

export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly code?: string;
}

/** The body of an error answer. */
export function refusalBody(dialect: Dialect, { status, message, code }: Refusal): string {
  if (dialect === 'anthropic') {
    const type = ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
    return JSON.stringify({ type: 'error', error: { type, message } });
  }
  const known = OPENAI_TYPES[status];
  const type = known?.type ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  return JSON.stringify({
    error: { message, type, param: null, code: code ?? known?.code ?? null },
  });
}

/** Whether a client may hope that waiting helps. */
export function isTemporary(status: number): boolean {
  return status === 429 || status === 503 || status === 529;
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

const OPENAI_TYPES: Readonly<Record<number, { readonly type: string; readonly code?: string }>> = {
  401: { type: 'invalid_request_error', code: 'invalid_api_key' },
  404: { type: 'invalid_request_error', code: 'not_found' },
  429: { type: 'requests', code: 'rate_limit_exceeded' },
  503: { type: 'server_error', code: 'overloaded' },
};
