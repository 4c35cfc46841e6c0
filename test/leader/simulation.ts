// One seeded run of electors on a real Redis in simulated time: daemons are killed, stopped and
// started, the store restarts with and without its last writes, its clock jumps, messages are late
// and lost. It finds every moment at which two daemons believe that they lead, and every write of a
// leader that was carried out after one of its successor.
import type { Redis } from 'ioredis';
import type { Tenure } from '../../src/core/tenure.ts';
import { Elector, longestGapMs } from '../../src/leader/elector.ts';
import { LeaseRecord } from '../../src/leader/lease-record.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { integerBetween, seededRandom, type Random } from '../../src/sim/random.ts';
import { call, Place, Timeline } from './network.ts';
import { lateWrites, Notes } from './notes.ts';

export interface Findings {
  readonly seed: number;
  /** Moments with two leaders, in words. */
  readonly overlaps: readonly string[];
  /** Tenures that wrote again after another one had. */
  readonly lateWrites: readonly string[];
  /** Writes that were refused because their tenure was over. */
  readonly refused: number;
  /** Leaderships that began. */
  readonly terms: number;
  /** Whether somebody led again when no fault had happened for a while. */
  readonly isSettled: boolean;
  /** How often each fault happened; those that hit a leader apart. */
  readonly faults: Readonly<Record<string, number>>;
}

const DAEMONS = 3;
const LIFE_MS = 15_000;
const FAULTY_MS = 12 * LIFE_MS;
const QUIET_MS = 6 * LIFE_MS;
const TRY_MS = LIFE_MS / 5;
const TIMEOUT_MS = LIFE_MS / 10;
const STORE_EPOCH_MS = 1_000_000_000;

interface Daemon {
  readonly name: string;
  readonly place: Place;
  readonly elector: Elector;
  /** For so long it is stopped at its next try, after its question and before the answer. */
  stopsForMs: number;
}

type Image = Readonly<Record<string, string>>;

class Simulation {
  readonly #redis: Redis;
  readonly #cell: string;
  readonly #random: Random;
  readonly #timeline = new Timeline();
  readonly #store = new Place(this.#timeline);
  readonly #key: string;
  readonly #notes: Notes;
  readonly #overlaps: string[] = [];
  readonly #faults: Record<string, number> = {};
  readonly #daemons: Daemon[] = [];
  /** What the store held, by time, latest last. */
  readonly #images: { readonly atMs: number; readonly image: Image }[] = [];
  #skewMs = STORE_EPOCH_MS;
  #born = 0;
  #terms = 0;
  #ledAtMs = 0;
  #refused = 0;
  #restarts = 0;

  constructor(redis: Redis, seed: number) {
    this.#redis = redis;
    this.#cell = `sim${seed}`;
    this.#random = seededRandom(seed);
    this.#key = cellKeys(this.#cell).leader;
    this.#notes = new Notes(redis, this.#cell);
  }

  async run(seed: number): Promise<Findings> {
    for (let n = 0; n < DAEMONS; n += 1) this.#start(this.#upTo(TRY_MS));
    this.#faultLater();
    const endMs = FAULTY_MS + QUIET_MS;
    while (await this.#timeline.step(endMs)) this.#look();
    const notes = await this.#notes.all();
    await Promise.all([this.#redis.del(this.#key), this.#notes.clear()]);
    return {
      seed,
      overlaps: this.#overlaps,
      lateWrites: lateWrites(notes),
      refused: this.#refused,
      terms: this.#terms,
      isSettled: this.#ledAtMs > endMs - LIFE_MS,
      faults: this.#faults,
    };
  }

  #leaders(): Daemon[] {
    return this.#daemons.filter(({ elector }) => elector.leading() !== undefined);
  }

  #look(): void {
    const leaders = this.#leaders();
    if (leaders.length > 0) this.#ledAtMs = this.#timeline.nowMs;
    if (leaders.length < 2 || this.#overlaps.length > 0) return;
    const words = leaders.map(({ name, elector }) => {
      return `${name} (term ${elector.leading()?.term ?? 0}, ${elector.trustedForMs()} ms more)`;
    });
    this.#overlaps.push(`at ${this.#timeline.nowMs} ms ${words.join(' and ')}`);
  }

  #start(afterMs: number): void {
    this.#born += 1;
    const name = `d${this.#born}`;
    const place = new Place(this.#timeline);
    const record = new LeaseRecord({
      redis: this.#redis,
      cell: this.#cell,
      keyStyle: 'plain',
      holder: name,
      lifeMs: LIFE_MS,
      gapMs: longestGapMs(LIFE_MS),
      clock: () => this.#timeline.nowMs + this.#skewMs,
    });
    const elector = new Elector({
      record: {
        try: (holding) => this.#call(place, () => record.try(holding)),
        resign: () => this.#call(place, () => record.resign()),
      },
      holder: name,
      lifeMs: LIFE_MS,
      monotonicMs: () => this.#timeline.nowMs,
    });
    elector.onLead(({ term }) => {
      this.#terms += 1;
      this.#writeLater(place, { holder: name, term }, elector);
    });
    const daemon = { name, place, elector, stopsForMs: 0 };
    this.#daemons.push(daemon);
    this.#tryLater(daemon, afterMs);
  }

  #tryLater(daemon: Daemon, afterMs: number): void {
    daemon.place.at(this.#timeline.nowMs + afterMs, () => {
      void daemon.elector.attempt().then(() => {
        this.#tryLater(daemon, TRY_MS * (0.8 + 0.4 * this.#random()));
      });
      if (daemon.stopsForMs > 0)
        daemon.place.stoppedUntilMs = this.#timeline.nowMs + daemon.stopsForMs;
      daemon.stopsForMs = 0;
    });
  }

  /** A leader writes now and then; what it has sent may arrive when it leads no longer. */
  #writeLater(place: Place, tenure: Tenure, elector: Elector): void {
    place.at(this.#timeline.nowMs + this.#upTo(LIFE_MS / 5), () => {
      if (elector.leading()?.term !== tenure.term) return;
      void this.#call(place, () => this.#notes.write(tenure)).then(
        (isWritten) => (this.#refused += isWritten ? 0 : 1),
        () => undefined,
      );
      this.#writeLater(place, tenure, elector);
    });
  }

  #call<T>(place: Place, work: () => Promise<T>): Promise<T> {
    return call(this.#timeline, {
      from: place,
      to: this.#store,
      timeoutMs: TIMEOUT_MS,
      latestMs: 2 * LIFE_MS,
      random: this.#random,
      work: async () => {
        const answer = await work();
        const image = await this.#redis.hgetall(this.#key);
        this.#images.push({ atMs: this.#timeline.nowMs, image });
        if (this.#images.length > 100) this.#images.shift();
        return answer;
      },
    });
  }

  #faultLater(): void {
    this.#timeline.after(this.#upTo(1.5 * LIFE_MS), async () => {
      if (this.#timeline.nowMs > FAULTY_MS) return;
      const faults: readonly (() => unknown)[] = [
        ...[this.#kill, this.#kill, this.#pause, this.#pause, this.#pause, this.#leave],
        ...[this.#restart, this.#restart, this.#flush, this.#jump, this.#jump, this.#stopStore],
      ];
      await faults[integerBetween(this.#random, 0, faults.length - 1)]?.();
      this.#faultLater();
    });
  }

  /** The leader, where there is one, half of the times. */
  #victim(fault: string): Daemon {
    const [leader] = this.#leaders();
    const any = this.#daemons[integerBetween(this.#random, 0, this.#daemons.length - 1)]!;
    const victim = leader !== undefined && this.#random() < 0.5 ? leader : any;
    this.#note(victim === leader ? `${fault} of a leader` : fault);
    return victim;
  }

  readonly #kill = (): void => {
    const victim = this.#victim('kill');
    victim.place.isGone = true;
    this.#forget(victim);
    this.#start(this.#upTo(LIFE_MS));
  };

  readonly #pause = (): void => {
    const victim = this.#victim('pause');
    const ms = this.#upTo(4 * LIFE_MS);
    if (this.#random() < 0.5) victim.stopsForMs = ms;
    else victim.place.stoppedUntilMs = this.#timeline.nowMs + ms;
  };

  readonly #leave = (): void => {
    const victim = this.#victim('stop');
    void victim.elector.stop().then(() => this.#forget(victim));
    this.#start(this.#upTo(LIFE_MS));
  };

  /** With an append-only file that is synced always, every second, or never. */
  readonly #restart = async (): Promise<void> => {
    const policy = integerBetween(this.#random, 0, 2);
    const keptUntilMs = this.#timeline.nowMs - [0, this.#upTo(1000), Infinity][policy]!;
    const kept = this.#images.findLast(({ atMs }) => atMs <= keptUntilMs)?.image ?? {};
    this.#restarts += 1;
    this.#note(`restart with ${['all', 'most', 'nothing'][policy]!} of its data`);
    await this.#redis.del(this.#key);
    // The real server stays the same one: what it holds is that of another.
    if (Object.keys(kept).length > 0) {
      const server = `before-${this.#restarts}`;
      await this.#redis.hset(this.#key, { ...kept, server });
    }
    this.#store.stoppedUntilMs = this.#timeline.nowMs + this.#upTo(2000);
  };

  readonly #flush = async (): Promise<void> => {
    this.#note('flush');
    await this.#redis.del(this.#key);
  };

  readonly #jump = (): void => {
    const [how, ms] = [
      ['short jump ahead', this.#upTo(longestGapMs(LIFE_MS))] as const,
      ['jump ahead', this.#upTo(20 * LIFE_MS)] as const,
      ['jump back', -this.#upTo(4 * LIFE_MS)] as const,
    ][integerBetween(this.#random, 0, 2)]!;
    this.#note(how);
    this.#skewMs += ms;
  };

  readonly #stopStore = (): void => {
    this.#note('stop of the store');
    this.#store.stoppedUntilMs = this.#timeline.nowMs + this.#upTo(2 * LIFE_MS);
  };

  #forget(gone: Daemon): void {
    const at = this.#daemons.indexOf(gone);
    if (at >= 0) this.#daemons.splice(at, 1);
  }

  #note(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }

  #upTo(ms: number): number {
    return integerBetween(this.#random, 1, Math.floor(ms));
  }
}

export function simulate(redis: Redis, seed: number): Promise<Findings> {
  return new Simulation(redis, seed).run(seed);
}
