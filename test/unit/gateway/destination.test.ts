// Where a request may go: its route, narrowed to a named provider and to those that are allowed.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { AppError } from '../../../src/core/errors.ts';
import {
  providersOf,
  resolveDestination,
  type Places,
  type Wish,
} from '../../../src/gateway/destination.ts';

/** Pools `eu` and `us` serve `m`, `us` serves `n` too, `off` has no enabled account. */
function thePlaces(): Places {
  const pool = (models: readonly string[], enabled = true) => ({
    baseUrl: 'http://x/v1',
    models,
    accounts: [{ name: `a${Math.random()}`, maxConcurrency: 1, enabled }],
  });
  const file = {
    pools: { eu: pool(['m', 'eu/special']), us: pool(['m', 'n']), off: pool(['m'], false) },
    routes: {
      deep: { targets: [{ pool: 'us', model: 'm' }] },
      strict: {
        targets: [
          { pool: 'us', model: 'n' },
          { pool: 'us', model: 'm', tier: 1 },
          { pool: 'eu', model: 'm', tier: 1 },
        ],
        downgrade: 'never',
      },
    },
  };
  const config = parseConfig(JSON.stringify(file), { source: 'test', env: {} });
  return { routes: config.routes, providers: providersOf(config.accounts) };
}

function resolve(wish: Partial<Wish> & { readonly model: string }) {
  const { alias, targets, provider } = resolveDestination(
    { provider: undefined, allowed: undefined, ...wish },
    thePlaces(),
  );
  return { alias, pools: targets.map(({ pool }) => pool), provider };
}

function refusalOf(wish: Partial<Wish> & { readonly model: string }): AppError {
  try {
    resolve(wish);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('it was not refused');
}

describe('a request', () => {
  it('that names no provider may go wherever its route leads', () => {
    expect(resolve({ model: 'm' })).toEqual({
      alias: 'm',
      pools: ['eu', 'us', 'off'],
      provider: undefined,
    });
  });

  it('that names a provider goes there and nowhere else', () => {
    const byHeader = resolve({ model: 'm', provider: 'us' });
    const byModel = resolve({ model: 'us/m' });

    expect(byHeader).toEqual({ alias: 'm', pools: ['us'], provider: 'us' });
    expect(byModel).toEqual(byHeader);
  });

  it('for an alias with a slash means that alias', () => {
    expect(resolve({ model: 'eu/special' })).toMatchObject({
      alias: 'eu/special',
      provider: undefined,
    });
  });

  it('goes only where its caller may go', () => {
    expect(resolve({ model: 'm', allowed: ['us'] })).toMatchObject({ pools: ['us'] });
    expect(resolve({ model: 'm', provider: 'us', allowed: ['us'] })).toMatchObject({
      pools: ['us'],
    });
  });

  it('stays in the tier of the first target that it may use, where the route says so', () => {
    expect(resolve({ model: 'strict' }).pools).toEqual(['us']);
    expect(resolve({ model: 'strict', allowed: ['eu'] }).pools).toEqual(['eu']);
    expect(resolve({ model: 'strict', provider: 'us' }).pools).toEqual(['us']);
  });

  it('may say the same provider twice', () => {
    expect(resolve({ model: 'us/m', provider: 'us' })).toMatchObject({ pools: ['us'] });
  });
});

describe('a refusal', () => {
  it.each([
    ['an unknown model', { model: 'x' }, 'model_not_found'],
    ['an unknown model of a known provider', { model: 'us/x' }, 'model_not_found'],
    ['a model that the provider does not serve', { model: 'eu/n' }, 'model_not_found'],
    ['a model that no allowed provider serves', { model: 'n', allowed: ['eu'] }, 'model_not_found'],
    ['an unknown provider', { model: 'm', provider: 'mars' }, 'provider_not_available'],
    ['an unknown provider before the model', { model: 'mars/m' }, 'provider_not_available'],
    ['a property of every object', { model: 'm', provider: '__proto__' }, 'provider_not_available'],
    [
      'a provider that is not allowed',
      { model: 'm', provider: 'us', allowed: ['eu'] },
      'provider_not_available',
    ],
    ['two providers', { model: 'us/m', provider: 'eu' }, 'invalid_params'],
  ] as const)('names the fault: %s', (_name, wish, code) => {
    expect(refusalOf(wish).code).toBe(code);
  });

  it('tells a provider without an enabled account from one that is not there', () => {
    const disabled = refusalOf({ model: 'm', provider: 'off' });

    expect(disabled.code).toBe('provider_disabled');
    expect(disabled.retryAfterMs).toBeGreaterThan(0);
  });

  it('is the same for a forbidden provider and an unknown one', () => {
    const forbidden = refusalOf({ model: 'm', provider: 'us', allowed: ['eu'] });

    expect(forbidden.message).toBe(refusalOf({ model: 'm', provider: 'mars' }).message);
  });
});
