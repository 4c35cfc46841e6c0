// Lists of jobs, page by page, and how many stand where. It reads only; a page looks at a bounded number
// of jobs, so it may be short and still have another one behind it.
import type { Redis } from 'ioredis';
import type { DeferralKeys } from '../redis/deferral-keys.ts';
import { readRecord, viewOf, type JobStatus, type JobView } from './record.ts';

export interface ListQuery {
  /** Undefined: of all tenants. */
  readonly tenant?: string | undefined;
  readonly stage?: string | undefined;
  readonly status?: JobStatus | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface JobPage {
  /** By tenant, then in the order in which they were submitted. */
  readonly jobs: readonly JobView[];
  /** Undefined behind the last page. */
  readonly next: string | undefined;
}

export interface StageDepth {
  readonly stage: string;
  /** Jobs that wait for their due time, dead ones left out. */
  readonly waiting: number;
  /** Jobs that are due and wait for their turn. */
  readonly ready: number;
  /** Of those that wait or are ready, the earliest due time; undefined without any. */
  readonly firstDueAtMs: number | undefined;
  /** When the oldest one was submitted that is neither dead nor ended; undefined without any. */
  readonly oldestSubmittedAtMs: number | undefined;
}

export interface Depths {
  readonly stages: readonly StageDepth[];
  readonly running: number;
  readonly dead: number;
  readonly ended: number;
}

const LOOKED_AT = 1000;
const AT_ONCE = 200;

export class Listing {
  readonly #redis: Redis;
  readonly #keys: DeferralKeys;

  constructor(redis: Redis, keys: DeferralKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** A cursor of another place leads to nothing, or to what its caller may see anyway. */
  async list({ tenant, stage, status, after, limit }: ListQuery): Promise<JobPage> {
    const jobs: JobView[] = [];
    const prefix = tenant === undefined ? '' : `${tenant}\t`;
    const to = tenant === undefined ? '+' : `(${tenant}\n`;
    let behind = after === undefined ? undefined : decoded(after);
    if (behind?.startsWith(prefix) === false) return { jobs, next: undefined };
    for (let seen = 0; seen < LOOKED_AT; seen += AT_ONCE) {
      const from = behind === undefined ? `[${prefix}` : `(${behind}`;
      const members = await this.#redis.zrangebylex(
        this.#keys.index,
        from,
        to,
        'LIMIT',
        '0',
        String(AT_ONCE),
      );
      for (const [member, job] of await this.#read(members)) {
        behind = member;
        const fits =
          (stage ?? job?.stage) === job?.stage && (status ?? job?.status) === job?.status;
        if (job !== undefined && fits) jobs.push(job);
        if (jobs.length === limit) return { jobs, next: encoded(member) };
      }
      if (members.length < AT_ONCE) return { jobs, next: undefined };
    }
    return { jobs, next: behind === undefined ? undefined : encoded(behind) };
  }

  async depths(stages: readonly string[]): Promise<Depths> {
    const { out, dead, ended } = this.#keys;
    const redis = this.#redis;
    const [ofStages, running, dying, over] = await Promise.all([
      Promise.all(stages.map((stage) => this.#depthOf(stage))),
      redis.zcard(out),
      redis.zcard(dead),
      redis.zcard(ended),
    ]);
    return { stages: ofStages, running, dead: dying, ended: over };
  }

  async #depthOf(stage: string): Promise<StageDepth> {
    const redis = this.#redis;
    const { due, ready, ages } = this.#keys;
    const [waiting, isReady, first, oldest] = await Promise.all([
      redis.zcard(due(stage)),
      redis.zcard(ready(stage)),
      redis.zrange(due(stage), '0', '0', 'WITHSCORES'),
      redis.zrange(ages(stage), '0', '0', 'WITHSCORES'),
    ]);
    return {
      ...{ stage, waiting, ready: isReady },
      firstDueAtMs: scoreIn(first),
      oldestSubmittedAtMs: scoreIn(oldest),
    };
  }

  async #read(
    members: readonly string[],
  ): Promise<readonly (readonly [string, JobView | undefined])[]> {
    if (members.length === 0) return [];
    const ids = members.map((member) => member.slice(member.indexOf('\t') + 1));
    const { deferred, out, dead } = this.#keys;
    const [raws, outs, deads] = await Promise.all([
      this.#redis.hmget(deferred, ...ids),
      this.#redis.zmscore(out, ...ids),
      this.#redis.zmscore(dead, ...ids),
    ]);
    return members.map((member, i) => {
      const record = readRecord(raws[i]);
      const places = { isOut: outs[i] != null, isDead: deads[i] != null };
      return [member, record && viewOf(ids[i] ?? '', record, places)] as const;
    });
  }
}

const scoreIn = ([, score]: readonly string[]): number | undefined =>
  score === undefined ? undefined : Number(score);

const encoded = (member: string): string => Buffer.from(member).toString('base64url');
const decoded = (cursor: string): string => Buffer.from(cursor, 'base64url').toString();
