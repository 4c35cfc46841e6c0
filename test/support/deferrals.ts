// Deferral of several daemons over one cell, with a function of the test's that runs the jobs and a
// clock that the test sets.
import { nanoid } from 'nanoid';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import { deferralSchema } from '../../src/config/deferral-schema.ts';
import type { JobRun, RunJob } from '../../src/deferral/job.ts';
import { Deferral, type DeferralOptions } from '../../src/deferral/service.ts';
import type { NewJob } from '../../src/deferral/submission.ts';
import type { TestRedis } from './redis.ts';

export interface DeferralSetting extends Partial<
  Pick<DeferralOptions, 'clock' | 'onEnded' | 'lockMs' | 'graceMs' | 'daemon'>
> {
  readonly cell?: string;
  readonly config?: z.input<typeof deferralSchema>;
  readonly run?: RunJob;
  /** Whether it works on jobs. */
  readonly isStarted?: boolean;
}

/** Ends with its test. */
export async function aDeferral(server: TestRedis, setting: DeferralSetting = {}) {
  const { cell = server.cell(), config = {}, run = answering, isStarted = true } = setting;
  const { clock, onEnded, graceMs } = setting;
  const deferral = new Deferral({
    redis: await server.connect(),
    cell,
    config: deferralSchema.parse({ enabled: true, ...config }),
    daemon: setting.daemon ?? `d-${nanoid(6)}`,
    lockMs: setting.lockMs ?? 30_000,
    run,
    ...(clock && { clock }),
    ...(onEnded && { onEnded }),
    ...(graceMs !== undefined && { graceMs }),
  });
  onTestFinished(() => deferral.stop());
  if (isStarted) await deferral.start();
  return deferral;
}

export function aJob(over: Partial<NewJob> = {}): NewJob {
  return {
    stage: 'summarize',
    tenant: 'team-a',
    slot: 'deep',
    request: { path: '/v1/chat/completions', headers: {}, body: '{"model":"deep"}' },
    ...over,
  };
}

export const anAnswer = (body = '{}'): JobRun => ({
  kind: 'answered',
  answer: { status: 200, headers: { 'content-type': 'application/json' }, body },
});

export const answering: RunJob = () => Promise.resolve(anAnswer());

/** Resolves at the `count`th event of a name. */
export function heardOf(
  deferral: Deferral,
  name: 'ended' | 'deferred' | 'dead' | 'failed',
  count = 1,
): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    const listen = (): void => {
      seen += 1;
      if (seen === count) resolve();
    };
    deferral.events.on(name, listen);
  });
}
