// Processes that work on the breaker of one cell (programs/costsim.ts): starting, telling, killing.
import { forkProgram } from './forked.ts';

export interface CostsimFleetCell {
  readonly cell: string;
  /** False: nobody but the test tries to recover. */
  readonly hearsTicks: boolean;
}

export type ToCostsim =
  | ({ readonly kind: 'begin'; readonly url: string } & CostsimFleetCell)
  /** So many attempts to recover, all at once, at this moment of Date.now(). */
  | { readonly kind: 'recover'; readonly attempts: number; readonly atMs: number }
  /** Takes v2 out of service, and is killed before it can tell anybody. */
  | { readonly kind: 'disableAndDie' }
  /** What it has told since it began. */
  | { readonly kind: 'tell' }
  | { readonly kind: 'stop' };

export type FromCostsim =
  | { readonly kind: 'ready' }
  | { readonly kind: 'recovered'; readonly wins: number }
  | { readonly kind: 'told'; readonly changes: readonly string[] };

export interface CostsimProcess {
  /** How many of the attempts were the one that closed the breaker. */
  recover(attempts: number, atMs: number): Promise<number>;
  disableAndDie(): Promise<void>;
  told(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Ends with the test at the latest. */
export async function startCostsimProcess(
  url: string,
  of: CostsimFleetCell,
): Promise<CostsimProcess> {
  const { ask, tell, ended } = forkProgram<ToCostsim, FromCostsim>('costsim.ts');
  await ask({ kind: 'begin', url, ...of });
  return {
    recover: async (attempts, atMs) => {
      const answer = await ask({ kind: 'recover', attempts, atMs });
      return answer.kind === 'recovered' ? answer.wins : Number.NaN;
    },
    disableAndDie: async () => {
      tell({ kind: 'disableAndDie' });
      await ended;
    },
    told: async () => {
      const answer = await ask({ kind: 'tell' });
      return answer.kind === 'told' ? answer.changes : [];
    },
    stop: async () => {
      tell({ kind: 'stop' });
      await ended;
    },
  };
}
