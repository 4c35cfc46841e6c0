// Named slots: which route stands behind a name, and who serves where it has none; and that a route waits
// in a stage that there is.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { slotOf, substitution } from '../../../src/config/slots.ts';

const SLOTS = { deep: 'deep', primary: 'primary' };

function routes(...aliases: readonly string[]) {
  return new Map(aliases.map((alias) => [alias, { alias, targets: [] }]));
}

describe('a slot', () => {
  it('is served by its own route where that is configured', () => {
    const found = slotOf('deep', SLOTS, routes('deep', 'primary'));

    expect(found).toEqual({ slot: 'deep', alias: 'deep', insteadOf: undefined });
  });

  it('is served by the route of primary where it has none', () => {
    const found = slotOf('deep', SLOTS, routes('primary'));

    expect(found).toEqual({ slot: 'primary', alias: 'primary', insteadOf: 'deep' });
  });

  it('is nothing where neither has a route, and primary has no substitute', () => {
    const found = [slotOf('deep', SLOTS, routes('m')), slotOf('primary', SLOTS, routes('deep'))];

    expect(found).toEqual([undefined, undefined]);
  });

  it('is named by itself or by its route, whatever that is called', () => {
    const slots = { deep: 'qwen', primary: 'mini' };

    const byName = slotOf('deep', slots, routes('qwen', 'mini'));
    const byAlias = slotOf('qwen', slots, routes('mini'));
    const byBoth = slotOf('mini', slots, routes('mini'));

    expect(byName).toMatchObject({ slot: 'deep', alias: 'qwen' });
    expect(byAlias).toMatchObject({ slot: 'primary', alias: 'mini', insteadOf: 'deep' });
    expect(byBoth).toMatchObject({ slot: 'primary', alias: 'mini', insteadOf: undefined });
  });

  it('does not hide a route that bears its name, nor any other model', () => {
    const slots = { deep: 'qwen', primary: 'mini' };

    const found = [slotOf('deep', slots, routes('deep', 'qwen')), slotOf('m', slots, routes('m'))];

    expect(found).toEqual([undefined, undefined]);
  });
});

describe('what is told of slots at the start', () => {
  it('is one sentence where a slot is served by another route, else nothing', () => {
    const told = [
      substitution(SLOTS, routes('primary')),
      substitution(SLOTS, routes('deep', 'primary')),
      substitution(SLOTS, routes('m')),
    ];

    expect(told).toEqual([
      'no route of the slot deep is configured: primary, the slot primary, serves instead',
      undefined,
      undefined,
    ]);
  });
});

describe('the stage of a route', () => {
  const parse = (defer: string, deferral: object) => {
    const account = { name: 'a', maxConcurrency: 1 };
    const pools = { p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [account] } };
    const targets = [{ pool: 'p', model: 'm' }];
    const file = { pools, routes: { r: { targets, defer } }, deferral };
    return parseConfig(JSON.stringify(file), { source: 'f', env: {} });
  };

  it('is one that is configured, or of those that are there by default', () => {
    const configured = parse('night', { stages: { night: {} }, drainStages: [] });
    const byDefault = parse('summarize', {});

    expect(configured.routes.get('r')?.defer).toBe('night');
    expect(byDefault.routes.get('r')?.defer).toBe('summarize');
  });

  it('is refused where there is none of its name', () => {
    const wrong = (): unknown => parse('nihgt', { stages: { night: {} }, drainStages: [] });

    expect(wrong).toThrow(/routes\.r\.defer: there is no such stage; deferral\.stages are: night/);
  });
});
