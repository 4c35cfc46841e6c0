// One fault from its stage to its verdict: the load begins, the fault fires at a moment that the
// seed chooses, the load goes on until service should be back, and then everything is counted.
import { integerBetween, seededRandom } from '../../src/sim/random.ts';
import { eventually } from '../support/eventually.ts';
import { auditByProduct, findLeftovers, readMoney } from './audit.ts';
import { LEASE_MS, RECOVERY_MS } from './configuration.ts';
import type { Fault } from './fault.ts';
import { judge, type Verdict } from './judge.ts';
import { Stage } from './stage.ts';

export interface ExperimentOptions {
  readonly requests: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface Report extends Verdict {
  readonly fault: string;
  /** What the fault has measured by itself. */
  readonly measured: Readonly<Record<string, number>>;
}

/** A fault fires when this part of the planned requests has been sent. */
const FIRES = { fromPercent: 15, toPercent: 30 } as const;
/** After service must be back, so that it can be seen. */
const TAIL_MS = 2000;
/** All that the dead held must be back by then. */
const REST_MS = 2 * LEASE_MS + 2 * RECOVERY_MS;

/** Rejects when it is broken off, or the stage could not be built. Leaves nothing running. */
export async function runFault(fault: Fault, options: ExperimentOptions): Promise<Report> {
  const { requests, seed, signal } = options;
  const { store = { persistence: 'append-only' }, preload, withJobs = false } = fault;
  await using stage = await Stage.build({ requests, seed, signal, store, preload, withJobs });
  const loading = stage.load.run();
  const percent = integerBetween(seededRandom(seed), FIRES.fromPercent, FIRES.toPercent);
  const firesAt = Math.ceil((requests * percent) / 100);
  await stage.until('the load began', () => stage.load.sent >= firesAt);

  const faultBeganAt = performance.now();
  await bringAbout(fault, stage);
  const faultEndedAt = performance.now();
  await tail(fault, stage);
  stage.load.enough();
  await loading;
  signal.throwIfAborted();

  const remains = [...stage.complaints, ...(await remainsOf(stage))];
  const verdict = judge(
    {
      sent: stage.load.sent,
      ended: stage.load.ended,
      victim: stage.victim.index,
      faultBeganAt,
      faultEndedAt,
      overselling: stage.oracle.verdict(),
      // Its connection may have moved to another server this moment.
      money: await eventually(() => readMoney(stage.admin)),
      forgotten: stage.forgotten,
      remains,
    },
    fault.expects,
  );
  return { fault: fault.name, measured: stage.measured, ...verdict };
}

async function bringAbout(fault: Fault, stage: Stage): Promise<void> {
  const { windowAfterMs, opensWindow = false } = fault.expects;
  if (windowAfterMs !== undefined && !opensWindow) stage.oracle.openWindow();
  try {
    await fault.run(stage);
  } catch (error) {
    stage.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    stage.demand(false, `the fault could not be brought about: ${why}`);
  }
}

/** The load goes on until service must be back; a declared window ends in its time. */
async function tail(fault: Fault, stage: Stage): Promise<void> {
  const { windowAfterMs = 0, recoveryMs } = fault.expects;
  await stage.pause(windowAfterMs);
  stage.oracle.closeWindow();
  await stage.pause(Math.max(0, recoveryMs + TAIL_MS - windowAfterMs));
}

/** What is left once everything must have come back. */
async function remainsOf(stage: Stage): Promise<readonly string[]> {
  const { admin, sim, store } = stage;
  const look = async (): Promise<readonly string[]> => {
    const { inFlight, unknown } = sim.snapshot();
    const running = inFlight === 0 ? [] : [`${inFlight} requests still run at the upstream`];
    const strange = unknown === 0 ? [] : [`${unknown} requests had a foreign credential`];
    return [...(await findLeftovers(admin)), ...running, ...strange];
  };
  const left = await eventually(
    async () => {
      const found = await look();
      if (found.length > 0) throw new Error('not at rest');
      return found;
    },
    { timeoutMs: REST_MS, intervalMs: 100 },
  ).catch(look);
  const audited = await auditByProduct(await store.url());
  return audited === undefined ? left : [...left, audited];
}
