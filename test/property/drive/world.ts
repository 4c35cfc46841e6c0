// A real cell with several daemons, and the model beside it. Every command is carried out on both;
// after every step the stored structures are read whole and compared.
import type { Redis } from 'ioredis';
import { cellKeys } from '../../../src/redis/keys.ts';
import { loadScripts } from '../../../src/redis/scripts.ts';
import type { SchedulerAccount } from '../../../src/scheduler/plan.ts';
import { CellRegistry } from '../../../src/scheduler/registry.ts';
import { decodeReply } from '../../../src/scheduler/replies.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';
import type { Command, Scenario } from '../commands.ts';
import { DAEMONS } from '../commands.ts';
import { configured } from '../model/cell.ts';
import type { ModelCell } from '../model/cell.ts';
import { keepReply, tick } from '../model/tick.ts';
import type { CellSettings } from '../model/tick.ts';
import { checkRefusals, checkReply, checkStore, cover, demand, fencesOf } from './check.ts';
import type { Coverage } from './coverage.ts';
import { callTick, nameOf, noteReport, wordsOf } from './daemons.ts';
import type { Daemon, Sent } from './daemons.ts';
import { Ledger } from './ledger.ts';
import { OperationMaker } from './operations.ts';
import { decodeImage, dueEntries, dumpKeys, readImage, restoreKeys } from './store.ts';
import type { KeyDumps, StoredCell } from './store.ts';

/** Beyond any real clock: the server's own time never decides. */
const FIRST_MS = 2_000_000_000_000;
const KEYS = cellKeys('main');
const SCRIPTS = loadScripts();
const IDLE_TRACK = 64;
const PATIENCE_MS = 50_000;

interface Saved {
  readonly model: ModelCell;
  readonly keys: KeyDumps;
}

interface WorldOptions extends Omit<Scenario, 'commands'> {
  readonly coverage: Coverage;
}

export class World {
  readonly ledger = new Ledger();
  readonly #redis: Redis;
  readonly #settings: CellSettings;
  readonly #coverage: Coverage;
  readonly #isServerWatched: boolean;
  readonly #maker = new OperationMaker(this.ledger);
  readonly #daemons: readonly Daemon[];
  #sent: Sent[] = [];
  #clockMs = FIRST_MS;
  #servers = 1;
  #model: ModelCell | undefined;
  #stored: StoredCell | undefined;
  #saved: Saved | undefined;

  private constructor(redis: Redis, options: WorldOptions) {
    this.#redis = redis;
    this.#settings = options.settings;
    this.#coverage = options.coverage;
    this.#isServerWatched = options.isServerWatched;
    this.#daemons = Array.from({ length: DAEMONS }, (_, i) => {
      const seen = { registry: '', incarnation: 0, sequence: 0, batches: 0 };
      return { name: `d${i}`, accounts: options.accounts, view: undefined, ...seen };
    });
  }

  /** An empty server, a configured cell, its first recovery over. */
  static async begin(redis: Redis, options: WorldOptions): Promise<World> {
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
    return this.#isServerWatched ? `server${this.#servers}` : '';
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
    return { daemon, track, batch: daemon.batches, isOutOfMemory, ops, atMs: this.#clockMs };
  }

  async #resend(back: number): Promise<void> {
    const sent = this.#sent[this.#sent.length - 1 - back];
    // Nobody waits longer for an answer; a daemon that was silent for long is forgotten.
    if (sent !== undefined && this.#clockMs - sent.atMs < PATIENCE_MS) await this.#send(sent);
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
    const seen = { incarnation: daemon.incarnation, server: this.#server };
    daemon.view = await this.#registry().apply(accounts, seen);
    const { registry } = daemon.view;
    const clockMs = this.#clockMs;
    const how = { ...seen, ...this.#settings, clockMs, registry: nameOf(daemon.view) };
    this.#model = configured(this.#model, { ...how, accounts });
    this.#model.hasOddSets = registry.classes.some(({ mixed }) => mixed);
    if (registry.models.some(({ retired }) => retired)) this.#coverage.seen('retired model');
    daemon.registry = this.#model.registry;
    daemon.accounts = accounts;
    await this.#look(0, 0);
  }

  async #attempt(sent: Sent): Promise<string> {
    const { daemon, track, batch, isOutOfMemory, ops } = sent;
    const { registry, incarnation, sequence } = daemon;
    const clockMs = this.#clockMs;
    const seen = { registry, incarnation, sequence, server: this.#server };
    const asked = { daemon: daemon.name, track, batch, clockMs, isOutOfMemory, ops, ...seen };
    const raw = await callTick(this.#redis, SCRIPTS, {
      view: daemon.view!,
      asked,
      ...this.#settings,
    });
    const reply = decodeReply(raw);
    const answers = reply.kind === 'ok' ? wordsOf(reply.report, ops.length, this.#stored) : [];
    const before = this.#stored;
    const expected = tick(this.#model, asked, {
      ...this.#settings,
      actual: answers,
      dueAt: (nowMs) => dueEntries(before, nowMs),
      seen: this.#coverage.seen,
    });
    checkReply(expected, raw, answers);
    if (reply.kind !== 'ok') return reply.kind;
    noteReport(daemon, reply.report);
    if (expected.kind === 'again') return 'answered again';
    if (this.#model !== undefined) keepReply(this.#model, asked, raw);
    this.ledger.book(ops, answers);
    await this.#look(reply.report.overage, reply.report.reaped);
    const after = this.#stored!;
    const { nowMs } = reply.report;
    if (checkRefusals({ before, after }, { nowMs, answers }, KEYS)) {
      this.#coverage.seen('batch of refusals only');
    }
    cover(this.#coverage, reply.report, answers, after);
    return 'executed';
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
    checkStore(this.#model, { before, after: stored }, overage);
    this.ledger.settle(fencesOf(stored), reaped);
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
    const keys = await dumpKeys(this.#redis);
    const { replies } = this.#model;
    this.#saved = { model: { ...structuredClone(this.#model), replies: new Map(replies) }, keys };
  }

  /** Another server takes over that lacks what was written since. */
  async #rollBack(): Promise<void> {
    const saved = this.#saved;
    if (saved === undefined) return;
    // Who has seen less than another would not notice, and no promise is made to it.
    for (const one of this.#daemons) for (const other of this.#daemons) noteReport(one, other);
    await restoreKeys(this.#redis, saved.keys);
    this.#servers += 1;
    // Kept replies are bytes, which a clone would change.
    this.#model = { ...structuredClone(saved.model), replies: new Map(saved.model.replies) };
    this.#stored = decodeImage(await readImage(this.#redis), KEYS);
    this.ledger.adopt(fencesOf(this.#stored));
    this.#forgetFresh();
    this.#coverage.seen('rolled back');
  }
}
