// A daemon of a run with real processes: it elects, writes as a leader as fast as it is answered, and
// notes in a file what it believes, before anything can kill it. SIGTERM makes it stop cleanly.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Elector, longestGapMs } from '../../src/leader/elector.ts';
import { LeaseRecord } from '../../src/leader/lease-record.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { Notes } from './notes.ts';
import type { Belief, ProgramOptions } from './beliefs.ts';

const options = JSON.parse(process.argv[2] ?? '') as ProgramOptions;
const { url, cell, holder, lifeMs, file } = options;

/** The machine's clock, which all of its processes share. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const note = (belief: Belief): void => appendFileSync(file, `${JSON.stringify(belief)}\n`);

const redis = await connectRedis(url, { timeoutMs: 1000, name: holder });
const gapMs = longestGapMs(lifeMs);
const record = new LeaseRecord({ redis, cell, keyStyle: 'plain', holder, lifeMs, gapMs });
const elector = new Elector({ record, holder, lifeMs, monotonicMs });
const notes = new Notes(redis, cell);

const believe = (): void => {
  const term = elector.leading()?.term;
  if (term === undefined) return;
  const atMs = monotonicMs();
  note({ kind: 'leads', holder, term, atMs, untilMs: atMs + elector.trustedForMs() });
};
elector.events.on('answered', believe);
elector.events.on('ended', ({ term }) => {
  note({ kind: 'ended', holder, term, atMs: monotonicMs() });
});
elector.onLead((leadership) => {
  believe();
  void (async () => {
    while (!leadership.signal.aborted) {
      await notes.write(leadership).catch(() => undefined);
      await sleep(2);
    }
  })();
});

process.once('SIGTERM', () => {
  void elector.stop().then(() => process.exit(0));
});
await elector.start();
note({ kind: 'ready', holder, term: 0, atMs: monotonicMs() });
setInterval(() => undefined, 60_000);
