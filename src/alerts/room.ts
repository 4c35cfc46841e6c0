// What gives way where there is no room: what is over before what fires, the less urgent before the
// more urgent, the older before the younger. Each that goes unsaid is told of.
import { SEVERITIES, type Alert, type Severity } from './alert.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { OutboxEmitter } from './events.ts';
import type { Register } from './register.ts';

interface Standing {
  readonly isOver: boolean;
  readonly severity: Severity;
  readonly sinceMs: number;
}

/** First goes first. */
function byStanding(a: Standing, b: Standing): number {
  return (
    Number(b.isOver) - Number(a.isOver) ||
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    a.sinceMs - b.sinceMs
  );
}

/** Forgets the alert that matters least; false where that is the new one, which is given up. */
export async function roomFor(
  newcomer: Alert,
  { register, events }: { readonly register: Register; readonly events: OutboxEmitter },
): Promise<boolean> {
  const records = (await register.all()).map((record) => ({
    record,
    isOver: record.state === 'resolved',
    severity: record.alert.severity,
    sinceMs: record.sinceMs,
  }));
  const fresh = { isOver: false, severity: newcomer.severity, sinceMs: Infinity };
  const [least] = [...records, { ...fresh, record: undefined }].sort(byStanding);
  const record = least?.record;
  const isUnsaid = record === undefined || record.state === 'firing';
  if (isUnsaid) {
    const { name, severity } = record?.alert ?? newcomer;
    events.emit('givenUp', { name, severity, reason: 'register_full' });
  }
  if (record === undefined) return false;
  await register.forget(record);
  return true;
}

export interface QueueRoom {
  readonly deliveries: Pick<Deliveries, 'depth' | 'list' | 'remove'>;
  readonly giveUp: (delivery: Delivery) => Promise<void>;
}

/** Brings the queue down to its bound. */
export async function giveUpLeastUrgent(
  most: number,
  { deliveries, giveUp }: QueueRoom,
): Promise<void> {
  const depth = await deliveries.depth();
  if (depth <= most) return;
  const waiting = (await deliveries.list(depth)).filter(({ state }) => {
    return state !== 'given_up' && state !== 'sending';
  });
  const least = waiting
    .map((delivery) => {
      const { alert, sinceMs } = delivery.notice;
      return { delivery, isOver: false, severity: alert.severity, sinceMs };
    })
    .sort(byStanding)
    .slice(0, depth - most);
  for (const { delivery } of least) {
    if (await deliveries.remove(delivery.id)) await giveUp(delivery);
  }
}
