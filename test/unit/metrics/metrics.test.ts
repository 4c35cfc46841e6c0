// What the daemon counts, from the heart's events to the text that Prometheus reads.
import { describe, expect, it } from 'vitest';
import { SchedulerEmitter } from '../../../src/core/events.ts';
import { createCollector } from '../../../src/metrics/collect.ts';
import { createLabels, statusClass } from '../../../src/metrics/labels.ts';
import { observeScheduler } from '../../../src/metrics/observe.ts';
import { createMetrics } from '../../../src/metrics/registry.ts';
import type { AccountHealthView } from '../../../src/scheduler/health.ts';

const TARGET = { pool: 'openai', model: 'gpt-4' };

function aDaemonsMetrics() {
  const metrics = createMetrics({ version: '1.2.3' });
  const events = new SchedulerEmitter();
  const labels = createLabels({
    accounts: [{ pool: 'openai' }] as never,
    routes: new Map([['gpt-4', { alias: 'gpt-4', targets: [TARGET] }]]),
  });
  observeScheduler(events, { metrics, labels });
  const lines = async (): Promise<string[]> => (await metrics.registry.metrics()).split('\n');
  return { metrics, events, labels, lines };
}

const BUDGET = {
  periodStartMs: 0,
  settledMicro: 20,
  reservedMicro: 30,
  overrunMicro: 0,
  presumedMicro: 0,
  requests: 2,
  warned: false,
  warnMicro: 80,
  stopMicro: 100,
};

function counters(inFlight: number) {
  return {
    accounts: [{ account: 'a1', pool: 'openai', limit: 5, inFlight, enabled: true, health: SICK }],
    models: [{ ...TARGET, inFlight, key: 'concurrency:openai:gpt-4' }],
    waiting: 4,
    laned: 4,
    tenants: [{ tenant: 'team', inFlight }],
    tenantBudgets: [{ ...BUDGET, scope: 'team', warnMicro: -1 }],
    budget: { ...BUDGET, scope: '*' },
    leases: inFlight,
    incarnation: 1,
    sequence: 1,
    generation: 1,
  };
}

describe('the metrics', () => {
  it('all have our prefix, a help text and no label that callers could fill', () => {
    const { metrics } = aDaemonsMetrics();
    const allowed = ['path', 'route', 'status', 'pool', 'account', 'model', 'result', 'reason'];
    const ofRollouts = ['scheduling', 'rollout', 'arm'];
    const ofTenants = ['tenant'];
    const ofDrift = ['estimator', 'against', 'quantile'];
    const ofAlerts = ['severity', 'state'];
    const ofDeferral = ['stage'];
    const named = ['change', 'outcome', 'version', 'node'];
    const ours = [
      ...allowed,
      ...ofRollouts,
      ...ofDrift,
      ...ofAlerts,
      ...ofTenants,
      ...ofDeferral,
      ...named,
    ];

    const declared = metrics.registry.getMetricsAsArray() as unknown as readonly {
      readonly name: string;
      readonly help: string;
      readonly labelNames: readonly string[];
    }[];

    expect(declared.length).toBeGreaterThan(20);
    for (const { name, help, labelNames } of declared) {
      expect(name).toMatch(/^(slotkeeper|costsim)_[a-z0-9_]+$/);
      expect(help.length).toBeGreaterThan(10);
      if (!/^slotkeeper_(nodejs|process)_/.test(name))
        expect(ours).toEqual(expect.arrayContaining([...labelNames]));
    }
  });

  it('count decisions by result and reason', async () => {
    const { events, lines } = aDaemonsMetrics();

    events.emit('granted', { account: 'a1', target: TARGET, replayed: false });
    events.emit('granted', { account: 'a1', target: TARGET, replayed: true });
    events.emit('denied', { reason: 'pool_full', target: TARGET });

    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slotkeeper_decisions_total{pool="openai",result="granted",reason="none"} 1',
        'slotkeeper_decisions_total{pool="openai",result="replayed",reason="none"} 1',
        'slotkeeper_decisions_total{pool="openai",result="denied",reason="pool_full"} 1',
      ]),
    );
  });

  it('count what goes wrong, each under its own name', async () => {
    const { events, lines } = aDaemonsMetrics();
    const error = new Error('down');

    events.emit('reaped', { slots: 3 });
    events.emit('overage', { slots: 2 });
    events.emit('corrupt', { records: 4 });
    events.emit('lost', { requestId: 'r', account: 'a1' });
    events.emit('releaseFailed', { requestId: 'r', account: 'a1', error });
    events.emit('storeError', { error });
    events.emit('outage', { cause: 'slot_moving', seconds: 1.5 });
    events.emit('grantedLocally', { account: 'a1' });
    events.emit('localModeEnded', { seconds: 2.5, grants: 1 });
    events.emit('recovery', { incarnation: 2 });
    events.emit('audited', { differences: 5 });

    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slotkeeper_slots_reaped_total 3',
        'slotkeeper_overage_total 2',
        'slotkeeper_corrupt_records_total 4',
        'slotkeeper_leases_lost_total 1',
        'slotkeeper_release_failures_total 1',
        'slotkeeper_store_errors_total 1',
        'slotkeeper_store_outages_total{reason="slot_moving"} 1',
        'slotkeeper_store_outage_seconds_total{reason="slot_moving"} 1.5',
        'slotkeeper_local_grants_total 1',
        'slotkeeper_local_mode_seconds_total 2.5',
        'slotkeeper_recoveries_total 1',
        'slotkeeper_audit_differences 5',
      ]),
    );
  });

  it('measure leases and ticks in seconds and operations', async () => {
    const { events, lines } = aDaemonsMetrics();

    events.emit('released', { account: 'a1', target: TARGET, outcome: 'success', heldMs: 1500 });
    events.emit('dequeued', { target: TARGET, how: 'granted', ms: 250 });
    events.emit('dequeued', { target: TARGET, how: 'left', ms: 250 });
    events.emit('tick', { operations: 64, seconds: 0.002, recoveringMs: 0, v2: 'closed' });

    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slotkeeper_lease_held_seconds_sum{pool="openai"} 1.5',
        'slotkeeper_releases_total{pool="openai",outcome="success"} 1',
        'slotkeeper_hand_offs_total{pool="openai"} 1',
        'slotkeeper_queue_wait_seconds_sum{pool="openai",result="left"} 0.25',
        'slotkeeper_tick_operations_sum 64',
        'slotkeeper_tick_seconds_sum 0.002',
      ]),
    );
  });

  it('give names that the configuration does not know one series together', async () => {
    const { events, labels, lines } = aDaemonsMetrics();
    const before = (await lines()).length;

    for (let i = 0; i < 500; i += 1) {
      events.emit('denied', { reason: 'pool_full', target: { pool: `junk-${i}`, model: 'x' } });
    }

    const written = await lines();
    expect(written.length - before).toBe(1);
    expect(written.join('\n')).not.toContain('junk');
    expect([labels.route('gpt-4'), labels.route('junk'), labels.route(undefined)]).toEqual([
      'gpt-4',
      'other',
      'other',
    ]);
  });

  it('class statuses, with a caller that left standing alone', () => {
    const classes = [200, 404, 499, 503, 0, 999].map(statusClass);

    expect(classes).toEqual(['2xx', '4xx', '499', '5xx', 'other', 'other']);
  });
});

const SICK: AccountHealthView = {
  account: 'a1',
  pool: 'openai',
  disabled: false,
  reason: 'rate_limited',
  changedAtMs: 1,
  coolsMs: 1500,
  breakers: (['half_open', 'open', 'closed'] as const).map((state) => {
    const counts = { consecutiveFailures: 0, trips: 1, requests: 0, failures: 0 };
    const { probing, restsMs, changedAtMs } = { probing: false, restsMs: 0, changedAtMs: 1 };
    return { model: 'gpt-4', state, reason: 'failed', ...counts, probing, restsMs, changedAtMs };
  }),
};

const OF_A_DAEMON = {
  held: () => 7,
  waiting: () => 2,
  readMemory: async () => ({ usedBytes: 10, maxBytes: 100 }),
};

describe('collecting the cell', () => {
  it('fills the gauges from the store, with one read for many scrapes', async () => {
    const { metrics, lines } = aDaemonsMetrics();
    let reads = 0;
    const readCounters = async () => counters((reads += 1));
    const collect = createCollector({ metrics, readCounters, ...OF_A_DAEMON });

    await Promise.all([collect(), collect(), collect()]);
    await collect();

    expect(reads).toBe(1);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slotkeeper_account_in_flight{pool="openai",account="a1"} 1',
        'slotkeeper_account_limit{pool="openai",account="a1"} 5',
        'slotkeeper_breaker_state{pool="openai",account="a1"} 2',
        'slotkeeper_account_cooling_seconds{pool="openai",account="a1"} 1.5',
        'slotkeeper_model_in_flight{pool="openai",model="gpt-4"} 1',
        'slotkeeper_held_leases 7',
        'slotkeeper_queue_waiting 2',
        'slotkeeper_cell_waiting 4',
        'slotkeeper_budget_reserved_micro 30',
        'slotkeeper_budget_warn_micro 80',
        'slotkeeper_budget_left_micro 50',
        'slotkeeper_tenant_in_flight{tenant="team"} 1',
        'slotkeeper_tenant_budget_reserved_micro{tenant="team"} 30',
        'slotkeeper_tenant_budget_warn_micro{tenant="team"} 0',
        'slotkeeper_store_memory_used_bytes 10',
        'slotkeeper_store_memory_max_bytes 100',
        'slotkeeper_cell_leases 1',
        'slotkeeper_store_up 1',
      ]),
    );
  });

  it('shows that the store is down, and no values of before', async () => {
    const { metrics, lines } = aDaemonsMetrics();
    metrics.accountInFlight.set({ pool: 'openai', account: 'a1' }, 3);
    const readCounters = () => Promise.reject(new Error('connection refused'));
    const readMemory = () => Promise.reject(new Error('connection refused'));

    await createCollector({ metrics, ...OF_A_DAEMON, readCounters, readMemory })();

    const written = await lines();
    expect(written).toContain('slotkeeper_store_up 0');
    expect(written).toContain('slotkeeper_store_memory_used_bytes Nan');
    expect(written.join('\n')).not.toContain('slotkeeper_account_in_flight{');
    expect(written.join('\n')).not.toContain('slotkeeper_tenant_in_flight{');
  });

  it('shows the tenants with the most slots and the fullest budgets, of thousands', async () => {
    const { metrics, lines } = aDaemonsMetrics();
    const all = Array.from({ length: 1000 }, (_, i) => ({ tenant: `t${i}`, inFlight: i }));
    const budgets = all.map(({ tenant, inFlight }) => {
      return { ...BUDGET, scope: tenant, settledMicro: 1000 - inFlight, stopMicro: 1000 };
    });
    const readCounters = async () => ({
      ...counters(1),
      tenants: all,
      tenantBudgets: budgets,
    });

    await createCollector({ metrics, ...OF_A_DAEMON, readCounters })();

    const written = await lines();
    const shown = (name: string) => written.filter((line) => line.startsWith(`${name}{`));
    expect(shown('slotkeeper_tenant_in_flight')).toHaveLength(50);
    expect(written).toContain('slotkeeper_tenant_in_flight{tenant="t999"} 999');
    expect(shown('slotkeeper_tenant_budget_settled_micro')).toHaveLength(50);
    expect(written).toContain('slotkeeper_tenant_budget_settled_micro{tenant="t0"} 1000');
  });

  it('tells no amount that is left where nothing is bounded', async () => {
    const { metrics, lines } = aDaemonsMetrics();
    const readCounters = async () => ({ ...counters(1), budget: undefined });

    await createCollector({ metrics, ...OF_A_DAEMON, readCounters })();

    expect(await lines()).toContain('slotkeeper_budget_left_micro Nan');
  });
});
