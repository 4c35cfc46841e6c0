// Leases that are named from outside by id and fence: their holders renew and release them through
// any daemon, which need not be the one that granted them.
import type { CancelResult, ReleaseResult } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { CODES } from '../redis/codes.ts';
import type { Desk } from './acquiring.ts';
import type { Pending } from './batcher.ts';
import { Demands } from './demands.ts';
import type { Place } from './lease.ts';
import type { LeaseClaims } from './lease-token.ts';
import { Moving, moveOf } from './moving.ts';
import type { MoveAsked, MoveEnd } from './moving.ts';
import { keyOf } from './refusals.ts';
import { releaseOf } from './releasing.ts';
import { registration } from './renewals.ts';
import type { Answer } from './replies.ts';
import type { TokenSecret } from './token-secret.ts';
import type {
  LeaseRef,
  MoveRef,
  NamedMoveReport,
  NamedMoveResult,
  ReleaseReport,
  RenewRef,
  RenewResult,
} from './types.ts';
import type { Operation } from './wire.ts';

const TAG = CODES.TAG;

export interface NamedLeasesOptions extends Pick<
  Desk,
  'link' | 'renewals' | 'waiting' | 'isStopping'
> {
  readonly submit: (op: Operation) => Promise<Answer>;
  readonly send: (pending: Pending) => void;
  readonly secret: TokenSecret;
}

export class NamedLeases {
  readonly #options: NamedLeasesOptions;
  readonly #demands = new Demands();

  constructor(options: NamedLeasesOptions) {
    this.#options = options;
  }

  /** See Scheduler.renew; `leaseMs` is checked already. */
  async renew(ref: RenewRef, leaseMs: number): Promise<RenewResult> {
    const { submit, secret } = this.#options;
    const own = { id: keyOf(ref), fence: ref.fence, leaseMs };
    const claims = this.#claimsOf(ref);
    let answer = await submit({ kind: 'renew', ...own });
    if (answer.tag !== TAG.renewed && claims !== undefined) {
      answer = await submit({ kind: 'register', ...own, ...registration(claims) });
    }
    if (answer.tag !== TAG.renewed) return { kind: 'lost' };
    const expiresAtMs = answer.at;
    return {
      kind: 'renewed',
      expiresAtMs,
      token: claims && secret.seal({ ...claims, expiresAtMs }),
    };
  }

  /**
   * Throws `invalid_params` for another lease's token. One that nobody here has signed says nothing:
   * the secret may have been lost with the data.
   */
  #claimsOf(ref: RenewRef): LeaseClaims | undefined {
    const claims = ref.token === undefined ? undefined : this.#options.secret.open(ref.token);
    if (claims === undefined) return undefined;
    if (claims.id === keyOf(ref) && claims.fence === ref.fence) return claims;
    const message = 'The token is the one of another lease.';
    throw new AppError('invalid_params', message, { param: 'leaseToken' });
  }

  /**
   * See Scheduler.move; `leaseMs` is checked already. Its place in the queue is its caller's: it stays
   * when the call is given up, and who asks again by the same fence finds it, or where it has led.
   */
  async move(ref: MoveRef, report: NamedMoveReport, leaseMs: number): Promise<NamedMoveResult> {
    const key = keyOf(ref);
    const claims = this.#claimsOf(ref);
    const own = this.#options.renewals.get(key);
    if (own?.fence === ref.fence) {
      const result = await own.move(report);
      return result.kind === 'moved' ? placeOf(own) : result;
    }
    const { targets } = report;
    const end = await this.#move(moveOf({ ...ref, key, leaseMs, targets }, report, this.#demands));
    if (end.kind !== 'moved') return end;
    const { account, target, fence, expiresAtMs } = end.place;
    const again = claims && { ...claims, account, ...target, fence, expiresAtMs };
    return { ...placeOf(end.place), token: again && this.#options.secret.seal(again) };
  }

  #move(op: MoveAsked): Promise<MoveEnd> {
    const { send, link, waiting, isStopping } = this.#options;
    return new Promise((resolve, failed) => {
      const told = (end: MoveEnd): void => resolve(end);
      const isWanted = (): boolean => !isStopping();
      send(new Moving(op, { link, waiting, isWanted, told, failed, refused: failed }));
    });
  }

  async release(ref: LeaseRef, report: ReleaseReport): Promise<ReleaseResult> {
    const op = releaseOf({ id: keyOf(ref), fence: ref.fence }, report);
    this.#renewNoMore(op.id);
    const { tag } = await this.#options.submit(op);
    return tag === TAG.released ? 'released' : 'already';
  }

  async cancel(ref: Omit<LeaseRef, 'fence'>): Promise<CancelResult> {
    const id = keyOf(ref);
    this.#renewNoMore(id);
    const { tag } = await this.#options.submit({ kind: 'cancel', id });
    if (tag === TAG.cancelled) return 'cancelled';
    return tag === TAG.was_granted ? 'was_granted' : 'already';
  }

  #renewNoMore(id: string): void {
    const { renewals } = this.#options;
    const lease = renewals.get(id);
    if (lease !== undefined) renewals.remove(lease);
  }
}

function placeOf({ account, target, fence, expiresAtMs }: Omit<Place, 'targetIndex'>) {
  return { kind: 'moved', account, target, fence, expiresAtMs, token: undefined } as const;
}
