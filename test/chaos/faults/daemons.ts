// Faults of daemons: killed at each step of a request, told to stop, stopped for a while.
import type { RunningRequest } from '../client.ts';
import type { FleetDaemon } from '../daemon.ts';
import { LEASE_MS, REAP_MS } from '../configuration.ts';
import type { Fault } from '../fault.ts';
import type { Stage } from '../stage.ts';

/** As long as a service manager takes to notice. */
const RESTART_MS = 500;
/** The slots of the dead are back by then, and the queue behind them is served. */
const LEASES_BACK_MS = LEASE_MS + REAP_MS + 1500;
export const GONE = ['connection refused', 'connection lost', 'answer cut'];
/** A grant that is older has been claimed. */
const UNCLAIMED_MS = 250;
/** Long enough for a few batches to be under way. */
const STEADY_MS = 150;

/** As a service manager does it. */
export async function killAndStartAgain({
  victim,
  pause,
}: Pick<Stage, 'victim'> & { pause: Stage['pause'] }) {
  victim.signal('SIGKILL');
  await victim.ended();
  victim.store.set('open');
  await pause(RESTART_MS);
  await victim.start();
}

/** A kill at a step of the request that `until` waits for; `when` names the step. */
function kill(
  when: string,
  does: string,
  until: (stage: Stage) => Promise<void>,
  errors: readonly string[] = GONE,
): Fault {
  return {
    name: `daemon-kill-${when}`,
    does,
    expects: {
      holds: 'its slots return within lease + reap interval; the other daemons serve on',
      errors,
      recoveryMs: LEASES_BACK_MS,
    },
    run: async (stage) => {
      await until(stage);
      await killAndStartAgain({ victim: stage.victim, pause: (ms) => stage.pause(ms) });
    },
  };
}

/** Requests of the victim that began after `since`. */
function begunAfter({ load, victim }: Stage, since: number): number {
  return load.running(victim.index).filter(({ startedAt }) => startedAt > since).length;
}

async function untilUnsettled(stage: Stage): Promise<void> {
  const since = performance.now();
  const index = stage.victim.index;
  stage.victim.store.set('hole');
  const unsettled = (): number => {
    const ended = stage.load.ended.filter((one) => one.endedAt > since);
    return ended.filter(({ planned, outcome }) => {
      return planned.daemon === index && outcome.kind === 'served';
    }).length;
  };
  await stage.until('three answers were complete', () => unsettled() >= 3);
  // A grant that nobody has claimed is settled at 0: theirs may have been on its way.
  stage.forgotten = stage.load.ended.filter(({ planned, outcome, headAt = 0, endedAt }) => {
    const isOurs = planned.daemon === index && outcome.kind === 'served' && endedAt > since;
    return isOurs && headAt - planned.latencyMs > since - UNCLAIMED_MS;
  }).length;
}

const kills: readonly Fault[] = [
  kill('before-acquire', 'kill -9 while its acquires have not reached Redis', async (stage) => {
    const since = performance.now();
    stage.victim.store.set('hole');
    await stage.until('acquires were held up', () => begunAfter(stage, since) >= 3);
    await stage.pause(STEADY_MS);
    stage.demand(stage.victim.store.lost.toServer > 0, 'no acquire was held up');
  }),
  kill('after-acquire', 'kill -9 after Redis granted, before the daemon knows', async (stage) => {
    const since = performance.now();
    stage.victim.store.set('mute');
    await stage.until('acquires were made', () => begunAfter(stage, since) >= 3);
    await stage.pause(STEADY_MS);
    stage.demand(stage.victim.store.lost.toClient > 0, 'no grant was held up');
  }),
  kill('mid-stream', 'kill -9 while its streams run', async (stage) => {
    await stage.until('three streams run', () => {
      const running = stage.load.running(stage.victim.index);
      return running.filter(({ planned, bytes }) => planned.stream && bytes > 0).length >= 3;
    });
  }),
  kill('before-settle', 'kill -9 after answers, before they are settled', untilUnsettled, [
    ...GONE,
    // Where three answers take longer than Redis may.
    '503 store_unavailable',
  ]),
];

const sigterm: Fault = {
  name: 'sigterm-under-load',
  does: 'SIGTERM, and a new start when it has drained',
  expects: {
    holds: 'running requests end in peace, waiting ones are refused clearly, it exits with 0',
    errors: ['connection refused', 'connection lost', '503 shutting_down'],
    recoveryMs: 2000,
  },
  run: async (stage) => {
    stage.victim.signal('SIGTERM');
    const ending = await stage.victim.ended();
    stage.demand(ending?.code === 0, `it exited with ${String(ending?.code)}, not 0`);
    await stage.pause(RESTART_MS);
    await stage.victim.start();
  },
};

/** How an upstream refuses what is beyond its limit. */
export const EXCESS = ['429 rate_limit_exceeded'];

/** Beyond its lease a daemon that stands still cannot stop its upstream calls: declared. */
export const STANDSTILL = {
  errors: [
    '503 store_unavailable',
    '503 lease_lost',
    'answer cut*',
    '504 upstream_timeout',
    // What it had queued is past its time when it wakes.
    '429 queue_timeout',
  ],
  isVictimLate: true,
} as const;

const OUTLASTING = 3;
const ABORT_MS = 1000;

/** With streams that outlast it: when it ends, their slots are others' by then. */
export async function standStill(stage: Stage, stop: () => Promise<void>): Promise<void> {
  const { load, victim } = stage;
  const indexes = load.sendLong(OUTLASTING, victim.index, 3 * LEASE_MS);
  const running = (): readonly RunningRequest[] =>
    load.running(victim.index).filter(({ planned }) => indexes.includes(planned.index));
  await stage.until('streams ran that outlast it', () => {
    return running().filter(({ bytes }) => bytes > 0).length === OUTLASTING;
  });
  await stop();
  await stage.pause(ABORT_MS);
  const left = running().length;
  stage.demand(left === 0, `${left} streams went on without their slots`);
}

async function stopFor(stage: Stage, victim: FleetDaemon, ms: number): Promise<void> {
  victim.signal('SIGSTOP');
  await stage.pause(ms);
  victim.signal('SIGCONT');
}

const stops: readonly Fault[] = [
  {
    name: 'sigstop-half-lease',
    does: `SIGSTOP for ${LEASE_MS / 2} ms, half of a lease`,
    expects: {
      holds: 'no lease is lost and no limit exceeded',
      ...STANDSTILL,
      // Its own standstill looks like its upstream's silence.
      errors: ['503 store_unavailable', '504 upstream_timeout', 'answer cut upstream_timeout'],
      recoveryMs: 2000,
    },
    run: (stage) => stopFor(stage, stage.victim, LEASE_MS / 2),
  },
  {
    name: 'sigstop-twice-lease',
    does: `SIGSTOP for ${2 * LEASE_MS} ms, twice a lease`,
    expects: {
      holds: 'its slots go to others; on resume it aborts its calls; the excess is counted',
      ...STANDSTILL,
      elsewhere: EXCESS,
      recoveryMs: 3000,
      windowAfterMs: 0,
    },
    run: (stage) => standStill(stage, () => stopFor(stage, stage.victim, 2 * LEASE_MS)),
  },
];

export const daemonFaults: readonly Fault[] = [...kills, sigterm, ...stops];
