// The direction of dependency: which folder of src/ may import which. An arrow that is not listed
// here is an upward or a sideways one.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCycle, readSources } from './support/imports.ts';
import type { Import, SourceFile } from './support/imports.ts';

const SOURCES = readSources(resolve(import.meta.dirname, '../src'));

const FEATURES = [
  'breaker',
  'budget',
  'tenants',
  'sessions',
  'rollout',
  'leader',
  'alerts',
  'deferral',
  'batches',
  'journal',
  'costs',
  'costsim',
];

/** Below the features: what all of them may use. */
const GROUND = ['core', 'config', 'redis', 'scheduler', 'log', 'outbound'];
const BESIDE_FEATURES = ['upstream', 'metrics'];
const BELOW_GATEWAY = [...GROUND, ...FEATURES, ...BESIDE_FEATURES, 'version.ts'];
const BELOW_DAEMON = [...BELOW_GATEWAY, 'gateway', 'http', 'sim'];

/** Folder, or file at the root of src → what it may import, beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ['core'],
  log: ['core', 'config'],
  outbound: [],
  redis: ['core'],
  scheduler: ['core', 'redis', 'config'],
  ...Object.fromEntries(FEATURES.map((feature) => [feature, GROUND])),
  upstream: GROUND,
  metrics: GROUND,
  gateway: BELOW_GATEWAY,
  http: [...BELOW_GATEWAY, 'gateway'],
  client: ['core'],
  sim: ['core'],
  cli: [...BELOW_DAEMON, 'client', 'daemon.ts', 'main.ts', 'banner.ts'],
  'version.ts': [],
  'cleanup.ts': [],
  'banner.ts': ['config', 'redis'],
  'index.ts': [...GROUND, 'upstream'],
  'reload.ts': GROUND,
  'alarms.ts': [...GROUND, 'alerts', 'costsim', 'metrics'],
  'batching.ts': [...GROUND, 'metrics', 'batches', 'deferral', 'http'],
  'deferring.ts': [...BELOW_GATEWAY, 'gateway', 'http', 'batching.ts'],
  'open-store.ts': [...GROUND, 'cleanup.ts'],
  'journaling.ts': [...BELOW_GATEWAY, 'gateway', 'http'],
  'leading.ts': [...GROUND, 'leader', 'metrics'],
  'cost-control.ts': [...BELOW_GATEWAY, 'gateway', 'http', 'estimator-canary.ts'],
  'estimator-canary.ts': [...GROUND, 'costsim', 'metrics'],
  'serving.ts': [
    ...BELOW_DAEMON,
    'alarms.ts',
    'cleanup.ts',
    'cost-control.ts',
    'deferring.ts',
    'estimator-canary.ts',
    'journaling.ts',
    'open-store.ts',
  ],
  'daemon.ts': [
    ...BELOW_DAEMON,
    'alarms.ts',
    'cleanup.ts',
    'cost-control.ts',
    'leading.ts',
    'open-store.ts',
    'reload.ts',
    'serving.ts',
  ],
  'main.ts': [...BELOW_DAEMON, 'daemon.ts', 'banner.ts', 'reload.ts'],
};

/** Allowed as types only: they vanish at run time. */
const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = { redis: ['config'] };

describe('src/', () => {
  it('has no import against the direction of dependency', () => {
    const upward = SOURCES.flatMap((source) => {
      return source.imports
        .filter((one) => isOurs(one) && !isAllowed(source, one))
        .map(({ to }) => `${source.path} -> ${to}`);
    });

    expect(upward).toEqual([]);
  });

  it('has no folder that these rules do not know', () => {
    const unknown = SOURCES.map(({ path }) => unitOf(path)).filter((unit) => !(unit in MAY_IMPORT));

    expect([...new Set(unknown)]).toEqual([]);
  });

  it('has no cycle of imports', () => {
    const cycle = findCycle(SOURCES);

    expect(cycle).toBeUndefined();
  });

  it('imports in core nothing but types of node:events', () => {
    const outside = SOURCES.filter(({ path }) => unitOf(path) === 'core')
      .flatMap(({ imports }) => imports)
      .filter((one) => !isOurs(one) && one.to !== 'node:events');

    expect(outside).toEqual([]);
  });

  it('imports files with their extension, and no file that is not there', () => {
    const known = new Set(SOURCES.map(({ path }) => path));
    const missing = SOURCES.flatMap(({ path, imports }) => {
      const broken = imports.filter((one) => isOurs(one) && !known.has(one.to));
      return broken.map(({ to }) => `${path} -> ${to}`);
    });

    expect(missing).toEqual([]);
  });
});

describe('the rules', () => {
  it('refuse an upward arrow', () => {
    const source: SourceFile = { path: 'redis/keys.ts', text: '', imports: [] };

    expect(isAllowed(source, { to: 'scheduler/lease.ts', typeOnly: false })).toBe(false);
  });

  it('refuse an arrow between features', () => {
    const source: SourceFile = { path: 'budget/reserve.ts', text: '', imports: [] };

    expect(isAllowed(source, { to: 'tenants/tenant.ts', typeOnly: true })).toBe(false);
  });

  it('see a cycle of three files', () => {
    const file = (path: string, to: string): SourceFile => {
      return { path, text: '', imports: [{ to, typeOnly: false }] };
    };

    const cycle = findCycle([file('a.ts', 'b.ts'), file('b.ts', 'c.ts'), file('c.ts', 'a.ts')]);

    expect(cycle).toEqual(['a.ts', 'b.ts', 'c.ts', 'a.ts']);
  });
});

function isAllowed(source: SourceFile, { to, typeOnly }: Import): boolean {
  const from = unitOf(source.path);
  const target = unitOf(to);
  if (from === target || MAY_IMPORT[from]?.includes(target) === true) return true;
  return typeOnly && MAY_IMPORT_TYPES[from]?.includes(target) === true;
}

/** The folder of src/, or the file's own name at its root. */
function unitOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function isOurs({ to }: Import): boolean {
  return to.endsWith('.ts');
}
