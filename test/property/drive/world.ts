// A real cell with several daemons, and the model beside it. Every command is carried out on both;
// after every step the stored structures are read whole and compared.
import type { Redis } from 'ioredis';
import { isDeepStrictEqual } from 'node:util';
import { cellKeys } from '../../../src/redis/keys.ts';
import { callScript } from '../../../src/redis/script.ts';
import { loadScripts } from '../../../src/redis/scripts.ts';
import type { SchedulerAccount } from '../../../src/scheduler/plan.ts';
import { CellRegistry } from '../../../src/scheduler/registry.ts';
import type { CellView } from '../../../src/scheduler/registry.ts';
import { decodeReply, encodeBatch, encodeHead } from '../../../src/scheduler/wire.ts';
import type { Operation, TickReport } from '../../../src/scheduler/wire.ts';
import type { Command } from '../commands.ts';
import { DAEMONS } from '../commands.ts';
import { wordAnswer } from '../model/answers.ts';
import type { WordedAnswer } from '../model/answers.ts';
import { configured } from '../model/cell.ts';
import type { ModelCell } from '../model/cell.ts';
import { keepReply, tick } from '../model/tick.ts';
import type { CellSettings, ExpectedReply, ModelTick } from '../model/tick.ts';
import { differences } from './compare.ts';
import type { Coverage } from './coverage.ts';
import { changedKeys, miscounted, overLimit, unwatched } from './invariants.ts';
import { Ledger } from './ledger.ts';
import { OperationMaker } from './operations.ts';
import { decodeImage, dueEntries, readImage, targetOf } from './store.ts';
import type { StoredCell } from './store.ts';

/** Beyond any real clock, so that the server's own time never decides. */
const FIRST_MS = 2_000_000_000_000;
const KEYS = cellKeys('main');
const SCRIPTS = loadScripts();
const IDLE_TRACK = 64;

interface Daemon {
  readonly name: string;
  accounts: readonly SchedulerAccount[];
  view: CellView | undefined;
  registry: string;
  incarnation: number;
  sequence: number;
  batches: number;
}

interface Sent {
  readonly daemon: Daemon;
  readonly track: number;
  readonly batch: number;
  readonly isOutOfMemory: boolean;
  readonly ops: readonly Operation[];
}

interface Saved {
  readonly model: ModelCell;
  readonly keys: readonly (readonly [string, Buffer])[];
}

export class World {
  readonly ledger = new Ledger();
  readonly #redis: Redis;
  readonly #settings: CellSettings;
  readonly #coverage: Coverage;
  readonly #maker = new OperationMaker(this.ledger);
  readonly #daemons: readonly Daemon[];
  #sent: Sent[] = [];
  #clockMs = FIRST_MS;
  #servers = 1;
  #model: ModelCell | undefined;
  #stored: StoredCell | undefined;
  #saved: Saved | undefined;

  private constructor(
    redis: Redis,
    options: {
      readonly settings: CellSettings;
      readonly accounts: readonly SchedulerAccount[];
      readonly coverage: Coverage;
    },
  ) {
    this.#redis = redis;
    this.#settings = options.settings;
    this.#coverage = options.coverage;
    this.#daemons = Array.from({ length: DAEMONS }, (_, i) => {
      const seen = { registry: '', incarnation: 0, sequence: 0, batches: 0 };
      return { name: `d${i}`, accounts: options.accounts, view: undefined, ...seen };
    });
  }

  /** An empty server, a configured cell, its first recovery over. */
  static async begin(
    redis: Redis,
    options: {
      readonly settings: CellSettings;
      readonly accounts: readonly SchedulerAccount[];
      readonly coverage: Coverage;
    },
  ): Promise<World> {
    await redis.flushall();
    const world = new World(redis, options);
    for (const daemon of world.#daemons) await world.#configure(daemon, daemon.accounts);
    world.#clockMs += options.settings.recoveryMs;
    return world;
  }

  async run(command: Command): Promise<void> {
    switch (command.kind) {
      case 'batch': {
        const daemon = this.#daemon(command.daemon);
        const ops = command.ops.map((choice) => this.#maker.make(choice));
        return this.send(ops, { ...command, daemon });
      }
      case 'idle':
        return this.#send(this.#batchOf(this.#daemon(command.daemon), [], { track: IDLE_TRACK }));
      case 'resend':
        return this.#resend(command.back);
      case 'wait':
        this.#clockMs += command.ms;
        return;
      case 'wait until':
        this.#clockMs = Math.max(this.#clockMs, this.#timeOf(command.event) + command.plusMs);
        return;
      case 'configure':
        return this.#configure(this.#daemon(command.daemon), command.accounts);
      case 'flush':
        return this.#flush();
      case 'save':
        return this.#save();
      case 'roll back':
        return this.#rollBack();
      case 'restart':
        this.#servers += 1;
    }
  }

  /** A batch of the daemon's; resolves when it was answered as the model says. */
  async send(
    ops: readonly Operation[],
    how: {
      readonly daemon?: Daemon;
      readonly track?: number;
      readonly isOutOfMemory?: boolean;
    } = {},
  ): Promise<void> {
    const { daemon = this.#daemon(0), ...rest } = how;
    const sent = this.#batchOf(daemon, ops, rest);
    this.#sent.push(sent);
    if (ops.length === 64) this.#coverage.seen('batch of 64');
    return this.#send(sent);
  }

  /** Lets every lease expire, then looks whether all counters read 0. */
  async drain(): Promise<void> {
    const stepMs = this.#settings.gapMs;
    for (let steps = 0; steps < 100; steps += 1) {
      await this.run({ kind: 'idle', daemon: steps % DAEMONS });
      if (this.#stored?.leases.size === 0) break;
      this.#clockMs += stepMs;
    }
    const { inflight = new Map<string, number>(), counters = new Map<string, number>() } =
      this.#stored ?? {};
    const left = [...inflight, ...counters].filter(([, count]) => count !== 0);
    demand('at rest', [
      ...left.map(([name, count]) => `${name} reads ${count}`),
      ...this.ledger.open().map(({ id }) => `${id} is still open`),
    ]);
  }

  #daemon(number: number): Daemon {
    return this.#daemons[number % DAEMONS]!;
  }

  #timeOf(event: 'expiry' | 'recovered'): number {
    if (event === 'recovered') return this.#model?.recoverUntilMs ?? 0;
    const times = [...(this.#model?.leases.values() ?? [])].map((lease) => lease.expiresAtMs);
    return times.length > 0 ? Math.min(...times) : 0;
  }

  get #server(): string {
    return `server${this.#servers}`;
  }

  #batchOf(
    daemon: Daemon,
    ops: readonly Operation[],
    {
      track = 0,
      isOutOfMemory = false,
    }: { readonly track?: number; readonly isOutOfMemory?: boolean },
  ): Sent {
    daemon.batches += 1;
    return { daemon, track, batch: daemon.batches, isOutOfMemory, ops };
  }

  async #resend(back: number): Promise<void> {
    const sent = this.#sent[this.#sent.length - 1 - back];
    if (sent !== undefined) await this.#send(sent);
  }

  /** As the batcher does it: refreshes what the daemon knows where the heart asks for that. */
  async #send(sent: Sent): Promise<void> {
    const { daemon } = sent;
    for (let tries = 0; tries < 4; tries += 1) {
      const kind = await this.#attempt(sent);
      this.#coverage.seen(kind);
      if (kind === 'stale') await this.#refresh(daemon);
      else if (kind === 'unconfigured') await this.#configure(daemon, daemon.accounts);
      else return;
    }
    throw new Error('a daemon never learned the configuration');
  }

  async #refresh(daemon: Daemon): Promise<void> {
    daemon.view = await this.#registry().read();
    daemon.registry = nameOf(daemon.view);
  }

  #registry(): CellRegistry {
    const { recoveryMs } = this.#settings;
    const clock = (): number => this.#clockMs;
    const how = { redis: this.#redis, keys: KEYS, scripts: SCRIPTS, isAlone: false };
    return new CellRegistry({ ...how, recoveryMs, clock });
  }

  async #configure(daemon: Daemon, accounts: readonly SchedulerAccount[]): Promise<void> {
    const { recoveryMs } = this.#settings;
    const server = this.#server;
    const seen = { incarnation: daemon.incarnation, server };
    daemon.view = await this.#registry().apply(accounts, seen);
    this.#model = configured(this.#model, {
      registry: nameOf(daemon.view),
      accounts,
      seenIncarnation: daemon.incarnation,
      server,
      recoveryMs,
      clockMs: this.#clockMs,
    });
    this.#model.hasOddSets = daemon.view.registry.classes.some(({ mixed }) => mixed);
    daemon.registry = this.#model.registry;
    daemon.accounts = accounts;
    await this.#look(0, 0);
    if ((this.#stored?.registry.models ?? []).some(({ retired }) => retired)) {
      this.#coverage.seen('retired model');
    }
  }

  async #attempt(sent: Sent): Promise<string> {
    const { daemon, track, batch, isOutOfMemory, ops } = sent;
    const { registry, incarnation, sequence } = daemon;
    const clockMs = this.#clockMs;
    const seen = { registry, incarnation, sequence, server: this.#server };
    const asked = { daemon: daemon.name, track, batch, clockMs, isOutOfMemory, ops, ...seen };
    const raw = await this.#call(asked, daemon);
    const reply = decodeReply(raw);
    const answers = reply.kind === 'ok' ? this.#words(reply.report, ops.length) : [];
    const before = this.#stored;
    const expected = tick(this.#model, asked, {
      ...this.#settings,
      actual: answers,
      dueAt: (nowMs) => dueEntries(before, nowMs),
      seen: this.#coverage.seen,
    });
    checkReply(expected, raw, answers);
    if (reply.kind !== 'ok') return reply.kind;
    this.#note(daemon, reply.report);
    if (expected.kind === 'again') return 'answered again';
    if (this.#model !== undefined) keepReply(this.#model, asked, raw);
    this.ledger.book(ops, answers);
    await this.#look(reply.report.overage, reply.report.reaped);
    this.#checkRefusals(before, reply.report, answers);
    this.#cover(reply.report, answers);
    return 'executed';
  }

  async #call(asked: ModelTick, daemon: Daemon): Promise<unknown> {
    const view = daemon.view!;
    const { batch, track, clockMs, incarnation, sequence, isOutOfMemory } = asked;
    const head = encodeHead({
      generation: view.registry.generation,
      ...this.#settings,
      ...{ batch, track, clockMs, incarnation, sequence },
    });
    const { demands, holdings, operations, ids } = encodeBatch(asked.ops);
    const args = [head, asked.daemon, asked.server, demands, holdings, operations, ...ids];
    const entry = isOutOfMemory ? 'tick_oom' : 'tick';
    return callScript(this.#redis, SCRIPTS.tick, entry, view.bound, args);
  }

  #words(report: TickReport, count: number): readonly WordedAnswer[] {
    const stored = this.#stored;
    const byIndex = new Map(
      [...(stored?.accounts ?? [])].map(([name, { index }]) => [index, name]),
    );
    const names = {
      account: (index: number) => byIndex.get(index) ?? `account ${index}`,
      target: (number: number) => {
        const target = stored && targetOf(stored.registry, number);
        return target === undefined ? `model ${number}` : `${target.pool}/${target.model}`;
      },
    };
    // A kept reply may speak of a configuration that is gone: it is compared byte by byte.
    return Array.from({ length: count }, (_, i) => wordAnswer(report.answers, i, names));
  }

  #note(daemon: Daemon, { incarnation, sequence }: TickReport): void {
    if (incarnation < daemon.incarnation) return;
    const isNew = incarnation > daemon.incarnation;
    daemon.sequence = isNew ? sequence : Math.max(daemon.sequence, sequence);
    daemon.incarnation = incarnation;
  }

  /** Reads the store, compares it with the model, and checks the invariants. */
  async #look(overage: number, reaped: number): Promise<void> {
    const before = this.#stored;
    const stored = decodeImage(await readImage(this.#redis), KEYS);
    this.#stored = stored;
    if (stored === undefined || this.#model === undefined) {
      if (stored !== undefined) throw new Error('the store holds a cell that nobody began');
      return;
    }
    demand('the store', differences(this.#model, stored));
    demand('over the limit', overLimit(before, stored, overage));
    demand('counters', miscounted(stored));
    demand('the wheel', unwatched(stored));
    this.ledger.settle(fencesOf(stored), reaped);
  }

  #checkRefusals(
    before: StoredCell | undefined,
    report: TickReport,
    answers: readonly WordedAnswer[],
  ): void {
    const hadDue = dueEntries(before, report.nowMs).length > 0;
    if (before === undefined || hadDue || answers.length === 0) return;
    if (!answers.every(({ tag }) => WRITES_NOTHING.has(tag))) return;
    this.#coverage.seen('batch of refusals only');
    demand('changed by refusals', changedKeys(before, this.#stored!, KEYS));
  }

  #cover(report: TickReport, answers: readonly WordedAnswer[]): void {
    const { seen } = this.#coverage;
    for (const { tag, reason } of answers) seen(reason === undefined ? tag : `${tag} ${reason}`);
    if (report.reaped > 0) seen('slots reaped', report.reaped);
    if (report.overage > 0) seen('overage', report.overage);
    if (report.more) seen('more');
    for (const [name, count] of this.#stored?.inflight ?? []) {
      const account = this.#stored?.accounts.get(name);
      const limit = account?.isInUse === true ? account.limit : 0;
      if (count > limit) seen('draining above a limit');
    }
  }

  /** Running daemons have seen the cell of late: fences rise because one of them begins the new. */
  async #flush(): Promise<void> {
    for (let daemon = 0; daemon < DAEMONS; daemon += 1) await this.run({ kind: 'idle', daemon });
    await this.#redis.flushall();
    this.#model = undefined;
    this.#stored = undefined;
    this.ledger.adopt(new Set());
    this.#forgetFresh();
    this.#coverage.seen('flushed');
  }

  /** With its reply lost too, a batch would be executed again: its ids are not fresh any more. */
  #forgetFresh(): void {
    this.#sent = this.#sent.filter(
      ({ ops }) => !ops.some((op) => op.kind === 'acquire' && op.isFresh),
    );
  }

  async #save(): Promise<void> {
    if (this.#model === undefined) return;
    const names = await this.#redis.keys('*');
    const dumps = await Promise.all(names.map((name) => this.#redis.dumpBuffer(name)));
    const keys = names.map((name, i) => [name, dumps[i]!] as const);
    this.#saved = { model: structuredClone(this.#model), keys };
  }

  /** Another server takes over that lacks what was written since. */
  async #rollBack(): Promise<void> {
    const saved = this.#saved;
    if (saved === undefined) return;
    await this.#redis.flushall();
    await Promise.all(saved.keys.map(([name, dump]) => this.#redis.restore(name, 0, dump)));
    this.#servers += 1;
    this.#model = structuredClone(saved.model);
    this.#stored = decodeImage(await readImage(this.#redis), KEYS);
    this.ledger.adopt(fencesOf(this.#stored));
    this.#forgetFresh();
    this.#coverage.seen('rolled back');
  }
}

/** Daemons whose registries are equal may work by either. */
function nameOf({ registry }: CellView): string {
  return JSON.stringify(registry);
}

const WRITES_NOTHING = new Set([
  'denied',
  'error',
  'lost',
  'already',
  'unknown',
  'finished',
  'leased',
  'reaped',
]);

function fencesOf(stored: StoredCell | undefined): ReadonlySet<number> {
  return new Set([...(stored?.leases.values() ?? [])].map(({ fence }) => fence));
}

function demand(what: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`${what}:\n  ${faults.slice(0, 12).join('\n  ')}`);
}

function checkReply(expected: ExpectedReply, raw: unknown, answers: readonly WordedAnswer[]): void {
  const reply = decodeReply(raw);
  if (expected.kind === 'again') {
    if (!isDeepStrictEqual(expected.reply, raw))
      throw new Error('a resent batch got another reply');
    return;
  }
  if (expected.kind !== reply.kind) {
    throw new Error(`the heart replied ${reply.kind}, expected ${expected.kind}`);
  }
  if (expected.kind !== 'ok' || reply.kind !== 'ok') return;
  const { answers: wanted, ...report } = expected.report;
  const faults = wanted.flatMap((answer, i) =>
    isDeepStrictEqual(answer, answers[i])
      ? []
      : [`operation ${i}: expected ${JSON.stringify(answer)}, got ${JSON.stringify(answers[i])}`],
  );
  for (const [name, value] of Object.entries(report)) {
    const actual = reply.report[name as keyof typeof report];
    if (actual !== value) faults.push(`${name}: expected ${String(value)}, got ${String(actual)}`);
  }
  demand('the reply', faults);
}
