// Executes a batch on the model, one operation after another, and says what the heart has to
// answer. Where the rule leaves the account open it follows the heart's choice, if that is allowed.
import { CODES } from '../../../src/redis/codes.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';
import { textOf } from './answers.ts';
import type { WordedAnswer } from './answers.ts';
import { hasRoom, limitOf } from './cell.ts';
import type { Ending, ModelCell, ModelLease } from './cell.ts';
import { choose } from './choice.ts';
import { inOrder, isId, targetsOf } from './order.ts';

type Acquire = Extract<Operation, { kind: 'acquire' }>;
type Move = Extract<Operation, { kind: 'move' }>;
type Register = Extract<Operation, { kind: 'register' }>;

/** Which ids the stored wheel names, entry by entry, in the order in which it is read. */
export type DueEntries = readonly (readonly string[])[];

export interface BatchRunOptions {
  readonly isOutOfMemory: boolean;
  readonly due: DueEntries;
  /** What the heart answered, for choices that the rule leaves open. */
  readonly actual: readonly WordedAnswer[];
  /** Told about what a random run must have met. */
  readonly seen: (what: string) => void;
}

const ENTRIES_PER_REAP = CODES.EXPIRY.entries;

export class BatchRun {
  readonly #cell: ModelCell;
  readonly #options: BatchRunOptions;
  readonly #storedIds: ReadonlySet<string>;
  readonly #touched = new Map<string, number>();
  /** What a batch has ended does not begin again in it, even an id that nobody remembers. */
  readonly #ended = new Set<string>();
  #looked = 0;
  #endings = 0;
  reaped = 0;
  overage = 0;
  more = false;

  constructor(cell: ModelCell, options: BatchRunOptions) {
    this.#cell = cell;
    this.#options = options;
    this.#storedIds = new Set(cell.leases.keys());
  }

  /** Answers in the order of the operations. */
  run(ops: readonly Operation[]): readonly WordedAnswer[] {
    const answers: WordedAnswer[] = [];
    const { early, late } = inOrder(ops);
    for (const number of early) answers[number] = this.#execute(ops, number);
    this.#reap();
    for (const number of late) answers[number] = this.#execute(ops, number);
    for (const name of this.#touched.keys()) this.#account(name).touch = this.#cell.touches;
    return answers;
  }

  /** How many ids were remembered as ended. */
  get endings(): number {
    return this.#endings;
  }

  #execute(ops: readonly Operation[], number: number): WordedAnswer {
    const op = ops[number]!;
    switch (op.kind) {
      case 'acquire':
        return this.#acquire(op, this.#options.actual[number]);
      case 'renew': {
        return this.#renew(op.id, op.fence, op.leaseMs) ?? { tag: 'lost' };
      }
      case 'register':
        return this.#register(op);
      case 'release': {
        const lease = this.#holding(op.id, op.fence);
        if (lease === undefined) return { tag: 'already' };
        this.#finish(op.id, lease, 'released');
        return { tag: 'released' };
      }
      case 'move':
        return this.#move(op, this.#options.actual[number]);
      case 'cancel':
        return this.#cancel(op.id);
      case 'check':
        return this.#check(op.id);
      case 'reset':
        throw new Error('the model resets nothing: its accounts have no breakers');
      case 'reap':
        this.#reap();
        return this.reaped > 0 ? { tag: 'reaped', at: this.reaped } : { tag: 'reaped' };
    }
  }

  #acquire(op: Acquire, actual: WordedAnswer | undefined): WordedAnswer {
    if (this.#options.isOutOfMemory) return { tag: 'error', reason: 'out_of_memory' };
    if (!op.isFresh && !isId(op.id)) return { tag: 'error', reason: 'invalid_id' };
    if (op.leaseMs < 1) return { tag: 'error', reason: 'invalid_lease' };
    const lease = this.#cell.leases.get(op.id);
    if (lease?.claim === op.claim) {
      const { account, target } = lease;
      const extended = this.#extend(lease, op.leaseMs);
      return { ...extended, tag: 'replayed', account, target: textOf(target) };
    }
    const ending = this.#ending(op.id);
    if (lease === undefined && ending === 'cancelled') {
      return { tag: 'denied', reason: 'cancelled' };
    }
    if (lease !== undefined || ending !== undefined) {
      return { tag: 'error', reason: 'duplicate_request' };
    }
    const waitMs = this.#cell.recoverUntilMs - this.#cell.nowMs;
    if (waitMs > 0) return { tag: 'denied', reason: 'recovering', at: waitMs };
    return this.#grant(op, actual);
  }

  #grant(op: Acquire, actual: WordedAnswer | undefined): WordedAnswer {
    const cell = this.#cell;
    const targets = targetsOf(op.demand);
    const choice = choose(cell, targets, this.#touched);
    if (choice.kind !== 'granted') return { tag: 'denied', reason: choice.kind };
    const { targetNumber, accounts } = choice;
    const isAllowed = actual?.account !== undefined && accounts.includes(actual.account);
    const account = (isAllowed ? actual.account : accounts[0]) ?? '';
    const target = targets[targetNumber]!;
    cell.grants += 1;
    const fence = cell.incarnation * CODES.FENCE.per_incarnation + cell.grants;
    const at = this.#begin(op, { account, target, fence, isFresh: op.isFresh });
    this.#tell(choice.tierNumber, targetNumber, accounts.length, account);
    return { tag: 'granted', targetNumber, account, target: textOf(target), fence, at };
  }

  #tell(tier: number, target: number, allowed: number, account: string): void {
    const { seen } = this.#options;
    seen(allowed === 1 ? 'choice determined' : 'choice open');
    if (tier > 0) seen('second tier');
    if (target > 0) seen('second target');
    if (!hasRoom(this.#account(account))) seen('limit reached');
  }

  #begin(op: Acquire | Register, grant: Omit<ModelLease, 'claim' | 'expiresAtMs'>): number {
    const expiresAtMs = this.#cell.nowMs + op.leaseMs;
    this.#cell.leases.set(op.id, { ...grant, claim: op.claim, expiresAtMs });
    this.#count(grant.account, 1);
    return expiresAtMs;
  }

  #register(op: Register): WordedAnswer {
    const renewed = this.#renew(op.id, op.fence, op.leaseMs);
    if (renewed !== undefined) return renewed;
    const [name = '', ...rest] = op.holding.split('\t');
    const target = targetsOf(rest.join('\t'))[0]!;
    const account = this.#cell.accounts.get(name);
    const isKnown = this.#cell.configuration.some(
      ({ pool, models }) => pool === target.pool && models.includes(target.model),
    );
    const { incarnation, leases } = this.#cell;
    const isOld = op.fence < incarnation * CODES.FENCE.per_incarnation;
    const isGone = leases.has(op.id) || this.#ending(op.id) !== undefined || !isId(op.id);
    if (account === undefined || !isKnown || !isOld || isGone) return { tag: 'lost' };
    if (account.inFlight >= limitOf(account)) this.overage += 1;
    const at = this.#begin(op, { account: name, target, fence: op.fence, isFresh: false });
    return { tag: 'renewed', account: name, target: textOf(target), fence: op.fence, at };
  }

  #move(op: Move, actual: WordedAnswer | undefined): WordedAnswer {
    const cell = this.#cell;
    const before = cell.leases.get(op.id);
    if (before !== undefined && before.before === op.fence) return this.#moveAgain(op, before);
    const waitMs = cell.recoverUntilMs - cell.nowMs;
    if (waitMs > 0) return { tag: 'denied', reason: 'recovering', at: waitMs };
    const lease = this.#holding(op.id, op.fence);
    if (lease === undefined) return { tag: 'lost' };
    if (this.#options.isOutOfMemory) return { tag: 'error', reason: 'out_of_memory' };
    const targets = targetsOf(op.demand);
    const tried = new Set([...op.exclude.split('\t'), lease.account]);
    const choice = choose(cell, targets, this.#touched, tried);
    if (choice.kind !== 'granted') return { tag: 'denied', reason: choice.kind };
    const { targetNumber, accounts } = choice;
    const isAllowed = actual?.account !== undefined && accounts.includes(actual.account);
    const account = (isAllowed ? actual.account : accounts[0]) ?? '';
    const target = targets[targetNumber]!;
    this.#count(lease.account, -1);
    cell.grants += 1;
    const fence = cell.incarnation * CODES.FENCE.per_incarnation + cell.grants;
    const at = Math.max(lease.expiresAtMs, cell.nowMs + op.leaseMs);
    const to = { account, target, fence, before: lease.fence, expiresAtMs: at };
    cell.leases.set(op.id, { ...lease, ...to });
    this.#count(account, 1);
    return { tag: 'moved', targetNumber, account, target: textOf(target), fence, at };
  }

  /** Its holder did not hear of the move. */
  #moveAgain(op: Move, lease: ModelLease): WordedAnswer {
    const { account, target, fence } = lease;
    const targets = targetsOf(op.demand);
    const found = targets.findIndex((one) => textOf(one) === textOf(target));
    const targetNumber = found < 0 ? targets.length - 1 : found;
    const { at } = this.#extend(lease, op.leaseMs);
    return { tag: 'moved', targetNumber, account, target: textOf(target), fence, at: at! };
  }

  /** Undefined where it is not held under this fence, nor was before its last move. */
  #renew(id: string, fence: number, leaseMs: number): WordedAnswer | undefined {
    const lease = this.#cell.leases.get(id);
    if (lease === undefined || (lease.fence !== fence && lease.before !== fence)) return undefined;
    return { ...this.#extend(lease, leaseMs), fence };
  }

  #cancel(id: string): WordedAnswer {
    const lease = this.#cell.leases.get(id);
    if (lease !== undefined) {
      this.#finish(id, lease, 'released');
      return { tag: 'was_granted', fence: lease.fence };
    }
    if (!isId(id)) return { tag: 'error', reason: 'invalid_id' };
    if (this.#ending(id) !== undefined) return { tag: 'already' };
    this.#remember(id, 'cancelled');
    return { tag: 'cancelled' };
  }

  #check(id: string): WordedAnswer {
    const lease = this.#cell.leases.get(id);
    if (lease === undefined) {
      return { tag: this.#ending(id) === undefined ? 'unknown' : 'finished' };
    }
    const { target, fence, expiresAtMs } = lease;
    return { tag: 'leased', target: textOf(target), fence, at: expiresAtMs };
  }

  #extend(lease: ModelLease, leaseMs: number): WordedAnswer {
    lease.expiresAtMs = Math.max(lease.expiresAtMs, this.#cell.nowMs + leaseMs);
    return { tag: 'renewed', fence: lease.fence, at: lease.expiresAtMs };
  }

  /** Looks at the next few entries of the wheel that were due when the batch began. */
  #reap(): void {
    const { nowMs, keepUntilMs, leases } = this.#cell;
    const entries = this.#options.due.slice(this.#looked, this.#looked + ENTRIES_PER_REAP);
    this.#looked += entries.length;
    this.more = entries.length === ENTRIES_PER_REAP;
    for (const id of entries.flat()) {
      const lease = leases.get(id);
      if (lease === undefined || !this.#storedIds.has(id)) continue;
      if (lease.expiresAtMs > nowMs) continue;
      if (nowMs < keepUntilMs) {
        this.#options.seen('kept in recovery');
        continue;
      }
      if (lease.expiresAtMs === nowMs) this.#options.seen('reaped exactly at its expiry');
      this.#finish(id, lease, 'reaped');
      this.reaped += 1;
    }
  }

  #holding(id: string, fence: number): ModelLease | undefined {
    const lease = this.#cell.leases.get(id);
    return lease?.fence === fence ? lease : undefined;
  }

  #finish(id: string, lease: ModelLease, how: Ending): void {
    this.#cell.leases.delete(id);
    this.#count(lease.account, -1);
    if (lease.isFresh) this.#ended.add(id);
    else this.#remember(id, how);
  }

  #count(name: string, by: number): void {
    const account = this.#account(name);
    account.inFlight += by;
    this.#touched.set(name, this.#cell.grants);
  }

  #account(name: string) {
    const account = this.#cell.accounts.get(name);
    if (account === undefined) throw new Error(`the model knows no account ${name}`);
    return account;
  }

  #ending(id: string): Ending | undefined {
    const remembered = this.#cell.finished.get(id) ?? this.#cell.finishedBefore.get(id);
    return remembered ?? (this.#ended.has(id) ? 'released' : undefined);
  }

  #remember(id: string, how: Ending): void {
    this.#cell.finished.set(id, how);
    this.#endings += 1;
  }
}
