// What the clients will do: who asks when, which daemon, for what, and who leaves early. The same
// seed plans the same requests, whatever happens to them.
import { integerBetween, type Random } from '../../src/sim/random.ts';
import { DAEMONS, LEASE_MS, SILENCE_MS, SLOTS, TOKENS } from './configuration.ts';

export interface PlannedRequest {
  readonly index: number;
  /** After the one before it. */
  readonly gapMs: number;
  readonly daemon: number;
  readonly stream: boolean;
  /** Its client leaves then; undefined: it stays. */
  readonly leavesAfterMs: number | undefined;
  readonly session: string | undefined;
  /** It asks for the lane of its session. */
  readonly lane: boolean;
  /** How long the upstream takes until its first byte, and between two pieces of a stream. */
  readonly latencyMs: number;
  readonly chunkMs: number;
}

/** The planned requests arrive within this time. */
export const SPAN_MS = 12_000;
/**
 * Of all slots: a third of them may be gone for a while without anybody waiting too long. Every limit
 * is met all the same, by bursts.
 */
const UTILISATION = 0.55;
const STREAM_SHARE = 0.5;
const LEAVING_SHARE = 0.1;
const SESSION_SHARE = 0.2;
/** So many at a time, each as long as this many requests are sent: five of them or so. */
const SESSIONS = 4;
const SESSION_SPAN = 100;
/** Some streams outlast a lease: what is not renewed is seen. They use this part of the slots. */
const LONG_PART = 0.4;
const LONG_MS = 1.5 * LEASE_MS;
/** Below what the daemons take for silence. */
const MOST_LATENCY_MS = SILENCE_MS / 3;
/** The first of all come at once and take long: each limit is met, however busy the machine is. */
const OPENING = SLOTS + SLOTS / 4;
const OPENING_MS = 1500;
const BURST_SHARE = 1 / 60;
const BURST = 20;

/** Endless: more are drawn where a fault takes its time. */
export function* plannedRequests(requests: number, random: Random): Generator<PlannedRequest> {
  const meanGapMs = SPAN_MS / requests;
  const holdMs = SLOTS * meanGapMs * UTILISATION;
  const longShare = Math.min(0.5, (LONG_PART * holdMs) / LONG_MS);
  const shortMs = ((1 - LONG_PART) * holdMs) / (1 - longShare);
  let burst = 0;
  for (let index = 0; ; index += 1) {
    // As many draws for each request, used or not: no option moves what another one chooses.
    const draw = {
      gap: random(),
      burst: random(),
      stream: random(),
      long: random(),
      leaving: random() / LEAVING_SHARE,
      session: random(),
      hold: random(),
      conversation: Math.floor(random() * SESSIONS),
    };
    const daemon = integerBetween(random, 0, DAEMONS - 1);
    if (burst > 0) burst -= 1;
    else if (draw.burst < BURST_SHARE) burst = BURST;
    const isOpening = index < OPENING;
    const isLong = draw.long < longShare;
    const stream =
      isOpening || isLong || draw.stream < (STREAM_SHARE - longShare) / (1 - longShare);
    const shortOrLongMs = isLong ? LONG_MS : shortMs * (0.5 + draw.hold);
    const totalMs = isOpening ? OPENING_MS : shortOrLongMs;
    const session = `chaos:main:${Math.floor(index / SESSION_SPAN)}:${draw.conversation}:a:b`;
    const isInSession = draw.session < SESSION_SHARE;
    // One that outlasts a lease would hold up all behind it beyond their time.
    const lane = isInSession && draw.conversation === 0 && !isLong && !isOpening;
    yield {
      index,
      gapMs:
        isOpening || burst > 0
          ? 0
          : -Math.log(1 - draw.gap) * meanGapMs * (1 + BURST_SHARE * BURST),
      daemon,
      stream,
      leavesAfterMs:
        draw.leaving < 1 && !isOpening ? Math.floor(draw.leaving * totalMs) : undefined,
      session: isInSession ? session : undefined,
      lane,
      latencyMs: Math.min(MOST_LATENCY_MS, Math.round(stream ? totalMs / 3 : totalMs)),
      chunkMs: Math.round((isLong ? totalMs : (totalMs * 2) / 3) / TOKENS),
    };
  }
}
