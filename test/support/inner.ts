// What tests of requests from inside have in common: a way in to a test's gateway, and a tenant.
import { createServeInner, type InnerEnd, type ServeInner } from '../../src/gateway/inner.ts';
import { statusOf } from '../../src/http/errors.ts';
import { implicitTenant, type Principal } from '../../src/tenants/tenant.ts';
import type { TestGateway } from './gateway.ts';

export const ANYBODY: Principal = {
  tenant: implicitTenant('default'),
  keyId: undefined,
  isAdmin: false,
};

export function innerOf({ gateway }: TestGateway): ServeInner {
  return createServeInner({ gateway, statusOf });
}

/** A chat completion for `gpt-4`, by the default tenant, unless told otherwise. */
export function ask(
  proxy: TestGateway,
  options: Partial<Parameters<ServeInner>[0] & Parameters<ServeInner>[1]> = {},
): Promise<InnerEnd> {
  const { path = '/v1/chat/completions', headers = {}, ...rest } = options;
  const { body = JSON.stringify({ model: 'gpt-4', messages: [] }), ...more } = rest;
  const how = { principal: ANYBODY, maxAnswerBytes: 1_000_000, ...more };
  return innerOf(proxy)({ path, headers, body }, how);
}
