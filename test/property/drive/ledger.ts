// The fate of every grant by its fence: granted once, ended once.
import type { Operation } from '../../../src/scheduler/wire.ts';
import type { WordedAnswer } from '../model/answers.ts';

export interface Granted {
  readonly id: string;
  readonly fence: number;
  readonly leaseMs: number;
  readonly claim: number;
  /** "account TAB pool TAB model". */
  readonly holding: string;
}

export type Fate = 'open' | 'released' | 'reaped' | 'forgotten';

export class Ledger {
  /** In the order of granting. */
  readonly all: Granted[] = [];
  readonly #fates = new Map<number, Fate>();
  /** fence → the one after it, of a request that has moved. */
  readonly #next = new Map<number, number>();
  #highest = 0;
  /** The highest before the batch that is booked. */
  #floor = 0;

  open(): readonly Granted[] {
    return this.all.filter(({ fence }) => this.#fates.get(fence) === 'open');
  }

  /** What holders believe to hold: they learn of a reaping or a loss only when they ask. */
  believed(): readonly Granted[] {
    return this.all.filter(({ fence }) => this.#fates.get(fence) !== 'released');
  }

  /** Books the answers of one batch; throws where a grant began or ended twice. */
  book(ops: readonly Operation[], answers: readonly WordedAnswer[]): void {
    // Within a batch moves come before acquires, wherever they stand.
    this.#floor = this.#highest;
    ops.forEach((op, i) => {
      const answer = answers[i]!;
      const { tag, fence = 0 } = answer;
      if (tag === 'granted') this.#grant(op, answer);
      else if (tag === 'moved') this.#move(op, answer);
      else if (tag === 'released' && op.kind === 'release') this.#end(op.fence, op.id);
      else if (tag === 'was_granted') this.#end(fence, op.id);
      else if (tag === 'renewed' && op.kind === 'register' && !this.#hasMoved(fence))
        this.#fates.set(fence, 'open');
    });
  }

  #grant(op: Operation, { fence = 0, account = '', target = '' }: WordedAnswer): void {
    if (op.kind !== 'acquire') throw new Error(`${op.kind} of ${op.id} was granted`);
    this.#begin(fence);
    const holding = `${account}\t${target.replace('/', '\t')}`;
    this.all.push({ id: op.id, fence, leaseMs: op.leaseMs, claim: op.claim, holding });
  }

  /** One grant ends, and the next one of the same request begins. */
  #move(op: Operation, { fence = 0, account = '', target = '' }: WordedAnswer): void {
    if (op.kind !== 'move') throw new Error(`${op.kind} of ${op.id} was moved`);
    if (this.#next.get(op.fence) === fence && this.#hasMoved(op.fence)) return;
    this.#next.set(op.fence, fence);
    const left = this.all.find((granted) => granted.fence === op.fence);
    this.#end(op.fence, op.id);
    this.#begin(fence);
    const holding = `${account}\t${target.replace('/', '\t')}`;
    this.all.push({ id: op.id, fence, leaseMs: op.leaseMs, claim: left?.claim ?? 0, holding });
  }

  /** Whether its request is held under the fence after it: it was moved, and nobody said so. */
  #hasMoved(fence: number): boolean {
    return this.#fates.get(this.#next.get(fence) ?? 0) === 'open';
  }

  #begin(fence: number): void {
    if (fence <= this.#floor || this.#fates.has(fence)) {
      throw new Error(`the fence ${fence} does not rise`);
    }
    this.#highest = Math.max(fence, this.#highest);
    this.#fates.set(fence, 'open');
  }

  #end(fence: number, id: string): void {
    const fate = this.#fates.get(fence);
    if (fate !== 'open') throw new Error(`the grant of ${id} ended again: it was ${String(fate)}`);
    this.#fates.set(fence, 'released');
  }

  /** What is open must be what is stored, but for the ones that were reaped just now. */
  settle(stored: ReadonlySet<number>, reaped: number): void {
    const gone = this.open().filter(({ fence }) => !stored.has(fence));
    if (gone.length !== reaped) {
      const ids = gone.map(({ id }) => id).join();
      throw new Error(`${reaped} slots were reaped, but ${gone.length} leases vanished: ${ids}`);
    }
    for (const { fence } of gone) this.#fates.set(fence, 'reaped');
    for (const fence of stored) {
      if (this.#fates.get(fence) !== 'open') throw new Error(`a lease of fence ${fence} came back`);
    }
  }

  /** The store lost data: what it has now is open, the rest is forgotten by it. */
  adopt(stored: ReadonlySet<number>): void {
    for (const [fence, fate] of this.#fates) {
      if (stored.has(fence)) this.#fates.set(fence, 'open');
      else if (fate === 'open') this.#fates.set(fence, 'forgotten');
    }
  }
}
