// Parking for tests of live requests: a configuration with small bounds, and a lot that keeps its jobs
// in memory.
import { answering } from './failing-upstreams.ts';
import { aProxy, post } from './proxy.ts';
import type { TestRedis } from './redis.ts';
import type { Script } from './upstream.ts';
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

export const busy = answering(503);

/** How a test starts a proxy that parks, before a scripted upstream that is busy by default. */
export const parkingBy =
  (store: TestRedis) =>
  async (
    script: Script = busy,
    { file = {} }: { readonly file?: object } = {},
    lotOptions: TestLotOptions = {},
  ) => {
    const { proxy, upstream } = await aProxy(store, script, { file: { ...PARKING, ...file } });
    const lot = aLot(lotOptions);
    proxy.gateway.parkAt(lot);
    const send = (headers: Record<string, string> = {}, body: object = {}): Promise<Response> => {
      const json = JSON.stringify({ model: 'gpt-4', messages: [], ...body });
      return post(proxy, {
        headers: { 'content-type': 'application/json', ...headers },
        body: json,
      });
    };
    const defer = (headers = {}, body = {}) =>
      send({ 'x-slotkeeper-defer': 'summarize', ...headers }, body);
    return { proxy, upstream, lot, send, defer };
  };
