// One notice to one destination: whether it is still to be said, in which order, and what is written
// down once it has been taken. Said again after a crash between the two; never lost.
import type { AlertsConfig } from '../config/alerts-schema.ts';
import type { AlertState, Notice } from './alert.ts';
import type { Delivery, DeliveryResult } from './deliveries.ts';
import type { Destination } from './destination.ts';
import type { GiveUpReason, OutboxEmitter } from './events.ts';
import type { AlertRecord, Register, Settled } from './register.ts';

export interface DelivererOptions {
  readonly register: Register;
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly config: AlertsConfig;
  readonly events: OutboxEmitter;
}

export class Deliverer {
  readonly #options: DelivererOptions;

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /** Rejects as the store does; then nothing is known about the delivery, and it is to be tried again. */
  async deliver(delivery: Delivery): Promise<DeliveryResult> {
    const { register, destinations } = this.#options;
    const { notice } = delivery;
    const destination = destinations.get(delivery.destination);
    if (destination === undefined) {
      await this.giveUp(delivery, 'destination_removed');
      return { kind: 'done' };
    }
    const record = await register.find(notice.fingerprint);
    if (isSuperseded(notice, record) && destination.remembersByLabels) return { kind: 'done' };
    const told = record?.episode === notice.episode ? record.told.get(destination.id) : undefined;
    if (hasSaid(told, notice.state)) return { kind: 'done' };
    const nowMs = await register.now();
    if (notice.state === 'resolved' && record?.episode === notice.episode) {
      const wait = await this.#beforeItsEnd(delivery, { told, nowMs });
      if (wait !== undefined) return wait;
    }
    return await this.#send(destination, { notice, nowMs });
  }

  /** Nobody tries any longer. */
  async giveUp({ notice, destination }: Delivery, reason: GiveUpReason): Promise<void> {
    const { register, events } = this.#options;
    await register.settle(notice, destination, { state: notice.state, result: 'given_up' });
    const { name, severity } = notice.alert;
    events.emit('givenUp', { name, severity, reason });
  }

  /** An end that came before its beginning, or at once after it, would notify nobody of either. */
  async #beforeItsEnd(
    { notice, destination }: Delivery,
    { told, nowMs }: { readonly told: Settled | undefined; readonly nowMs: number },
  ): Promise<DeliveryResult | undefined> {
    const { register, config } = this.#options;
    if (told === undefined) return { kind: 'later', afterMs: config.retryMinMs };
    if (told.result === 'given_up') {
      // Who has not heard that it began need not hear that it is over.
      await register.settle(notice, destination, { state: 'resolved', result: 'given_up' });
      return { kind: 'done' };
    }
    const afterMs = told.atMs + config.holdMs - nowMs;
    return afterMs > 0 ? { kind: 'later', afterMs } : undefined;
  }

  async #send(
    destination: Destination,
    { notice, nowMs }: { readonly notice: Notice; readonly nowMs: number },
  ): Promise<DeliveryResult> {
    const { register, events } = this.#options;
    const { id } = destination;
    const result = await destination.send({ notice, nowMs });
    if (result.kind === 'failed') {
      events.emit('sendFailed', { destination: id, reason: result.reason });
      return result;
    }
    await register.settle(notice, id, { state: notice.state, result: 'sent' });
    events.emit('sent', { destination: id, state: notice.state });
    return { kind: 'done' };
  }
}

function isSuperseded({ episode }: Notice, record: AlertRecord | undefined): boolean {
  return record !== undefined && record.episode > episode;
}

function hasSaid(told: Settled | undefined, state: AlertState): boolean {
  return told?.result === 'sent' && (told.state === state || told.state === 'resolved');
}
