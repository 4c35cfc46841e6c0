// Parking for tests of live requests: a configuration with small bounds, and a lot that keeps its jobs
// in memory.
import type { ParkedJob, ParkingLot, ToPark } from '../../src/gateway/parking.ts';

export const HALF_AN_HOUR_MS = 1_800_000;

/** Of the configuration. */
export const PARKING = {
  deferral: {
    enabled: true,
    stages: { summarize: {}, classify: {} },
    maxPayloadBytes: 4096,
    maxAnswerBytes: 100_000,
  },
} as const;

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
