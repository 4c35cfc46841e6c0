// What a simulator is given, now or while it runs, and what it tells about itself.
import { z } from 'zod';
import { behaviourPatch } from './behaviour.ts';
import type { CredentialStats } from './ledger.ts';

/** What may be changed while it runs. */
export const simulatorPatch = z
  .strictObject({
    /** Concurrent requests per credential; null removes one. Without any, all keys are welcome. */
    limits: z.record(z.string(), z.int().min(0).nullable()),
    behaviour: behaviourPatch,
    /** Behaviour by model; these are also the models that GET /v1/models lists. */
    models: z.record(z.string(), behaviourPatch),
    /** Behaviour by credential, over that of its model: one account that is sick. */
    credentials: z.record(z.string(), behaviourPatch),
    seed: z.int().min(0),
  })
  .partial();

export type SimulatorPatch = z.input<typeof simulatorPatch>;

export interface SimulatorOptions extends SimulatorPatch {
  /** 0 (default) takes a free one. */
  readonly port?: number;
  /** 127.0.0.1 by default. Whoever can reach it can also reach /_sim. */
  readonly host?: string;
}

export interface SimulatorStats {
  readonly credentials: readonly CredentialStats[];
  /** Requests whose credential was refused with 401. */
  readonly unknown: number;
  readonly inFlight: number;
  readonly total: number;
  readonly rejected: number;
  readonly aborted: number;
  /** Sum over the credentials of what their high-water mark exceeds their limit by. */
  readonly oversold: number;
  readonly seed: number;
}

export interface Simulator {
  readonly url: string;
  readonly port: number;
  highWater(credential: string): number;
  inFlight(credential: string): number;
  snapshot(): SimulatorStats;
  /** Starts all counts and the random sequence again; running requests stay counted. */
  reset(): void;
  /** Throws a ZodError when something is out of bounds; nothing has changed then. */
  configure(patch: SimulatorPatch): void;
  /** Idempotent; running requests are cut. */
  stop(): Promise<void>;
}
