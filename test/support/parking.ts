// Parking for tests of live requests: the configuration's rules with round figures, and a lot that keeps
// its jobs in memory. Where jobs really wait is tested with the daemon.
import type { ParkingRules } from '../../src/gateway/defer-wish.ts';
import type { ParkedJob, ParkingLot, ToPark } from '../../src/gateway/parking.ts';

export const HALF_AN_HOUR_MS = 1_800_000;

export const PARKING: ParkingRules = {
  stages: new Set(['summarize', 'classify']),
  slots: { deep: 'deep', primary: 'primary' },
  retryAfterMs: HALF_AN_HOUR_MS,
  maxPayloadBytes: 4096,
  maxAnswerBytes: 100_000,
};

export interface TestLot extends ParkingLot {
  /** What was parked, in order. */
  readonly jobs: readonly ToPark[];
}

export interface TestLotOptions {
  /** Jobs that it has room for. */
  readonly room?: number;
  /** Its clock: wall-clock ms. */
  readonly nowMs?: () => number;
}

export function aLot({ room = Infinity, nowMs = Date.now }: TestLotOptions = {}): TestLot {
  const jobs: ToPark[] = [];
  const parked: ParkedJob[] = [];
  return {
    jobs,
    submit: (job) => {
      if (jobs.length >= room) return Promise.resolve({ kind: 'full' });
      const submittedAtMs = nowMs();
      const times = { submittedAtMs, dueAtMs: submittedAtMs + job.delayMs };
      const { stage, reason } = job;
      const known = { id: `job-${jobs.length}`, stage, reason, status: 'deferred', ...times };
      jobs.push(job);
      parked.push(known);
      return Promise.resolve({ kind: 'parked', job: known });
    },
    findByKey: (tenant, key) => {
      const at = jobs.findIndex((job) => job.tenant === tenant && job.key === key);
      return Promise.resolve(parked[at]);
    },
  };
}
