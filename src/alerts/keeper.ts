// What is done once an interval in the whole fleet, by whichever daemon comes first: what lasts is
// compared with the cell and told again, what is over ends, and what a crash has kept from the queue
// is put there. So nothing depends on a daemon's having lived to tell an event.
import type { AlertsConfig } from '../config/alerts-schema.ts';
import { fingerprintOf, type Alert, type AlertState, type Notice, type Told } from './alert.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { Destination } from './destination.ts';
import type { OutboxEmitter } from './events.ts';
import type { AlertRecord, Register } from './register.ts';

/** What holds in the cell now. */
export interface Levels {
  /** Names of alerts that fire exactly while they are among `holding`. */
  readonly covers: readonly string[];
  readonly holding: readonly Alert[];
}

export interface KeeperOptions {
  readonly register: Register;
  readonly deliveries: Pick<Deliveries, 'add'>;
  readonly destinations: readonly Destination[];
  readonly config: AlertsConfig;
  readonly events: OutboxEmitter;
  /** Raises or ends an alert; `beforeMs`: only where it has fired since before this cell time. */
  readonly put: (told: Told, beforeMs?: number) => Promise<void>;
  /** Rejects where the cell cannot be read. */
  readonly levels: () => Promise<Levels>;
}

const NOTHING_KNOWN: Levels = { covers: [], holding: [] };
/** Resolved alerts stay in lists for so long. */
const KEEP_RESOLVED_MS = 3_600_000;

export class Keeper {
  readonly #options: KeeperOptions;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Does nothing where somebody has done it within the interval. Rejects as the store does. */
  async keep(): Promise<void> {
    const { register, config } = this.#options;
    // A little less than the interval, so that timers that are a little early do not miss a turn.
    if (!(await register.claim(0.9 * config.refreshMs))) return;
    await this.#compare();
    const records = await register.all();
    const nowMs = await register.now();
    await this.#queueWhatIsOwed(records);
    await Promise.all(records.map((record) => this.#refresh(record, nowMs)));
    for (const record of records) {
      if (this.#isOver(record, nowMs)) await register.forget(record);
    }
  }

  async #compare(): Promise<void> {
    const { register, put, levels } = this.#options;
    // Before the look: what began to hold after it must not be ended by it.
    const beforeMs = await register.now();
    const { covers, holding } = await levels().catch((): Levels => NOTHING_KNOWN);
    const held = new Set(holding.map(fingerprintOf));
    for (const alert of holding) await put({ kind: 'condition', alert, holds: true });
    for (const { fingerprint, state, alert, untilMs } of await register.all()) {
      if (state !== 'firing') continue;
      const isGone = covers.includes(alert.name) && !held.has(fingerprint);
      const isPast = untilMs !== undefined && untilMs <= beforeMs;
      if (isGone || isPast) await put({ kind: 'condition', alert, holds: false }, beforeMs);
    }
  }

  /** What is there already is not put there twice. */
  async #queueWhatIsOwed(records: readonly AlertRecord[]): Promise<void> {
    const { deliveries, destinations } = this.#options;
    const owed = records.flatMap((record) =>
      destinations.flatMap(({ id }): Delivery[] => {
        const told = record.told.get(id);
        const states: AlertState[] = [
          ...(told === undefined ? (['firing'] as const) : []),
          ...(record.state === 'resolved' && told?.state !== 'resolved'
            ? (['resolved'] as const)
            : []),
        ];
        return states.map((state) => ({ notice: noticeOf(record, state), destination: id }));
      }),
    );
    await deliveries.add(owed);
  }

  async #refresh(record: AlertRecord, nowMs: number): Promise<void> {
    const { destinations, register, events } = this.#options;
    if (record.state !== 'firing') return;
    for (const destination of destinations) {
      const told = record.told.get(destination.id);
      if (!destination.remembersByLabels || told === undefined) continue;
      const result = await destination.send({ notice: noticeOf(record, 'firing'), nowMs });
      if (result.kind === 'failed') {
        events.emit('sendFailed', { destination: destination.id, reason: result.reason });
      } else if (told.result === 'given_up') {
        await register.settle(record, destination.id, { state: 'firing', result: 'sent' });
      }
    }
  }

  #isOver({ state, endedMs = 0, told }: AlertRecord, nowMs: number): boolean {
    if (state !== 'resolved' || nowMs - endedMs < KEEP_RESOLVED_MS) return false;
    return this.#options.destinations.every(({ id }) => told.get(id)?.state === 'resolved');
  }
}

export function noticeOf(record: AlertRecord, state: AlertState): Notice {
  const { fingerprint, episode, alert, sinceMs, endedMs } = record;
  const notice = { fingerprint, episode, state, alert, sinceMs };
  return state === 'resolved' ? { ...notice, endedMs } : notice;
}
