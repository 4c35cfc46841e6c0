// Who got how much of the slots during a run: service in slot-seconds within the time in which every
// tenant had requests waiting, beside what its weight entitles it to. It counts and compares; it
// knows neither requests nor the daemon.
import { percentile } from './tally.ts';
import type { TenantWeight } from './tenants.ts';

/** One answered request, by the client's clock. */
export interface Service {
  readonly endedAtMs: number;
  readonly elapsedMs: number;
  /** Of that in the daemon's queue, as it says itself. */
  readonly queueMs: number;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface TenantShare extends TenantWeight {
  readonly served: number;
  readonly slotSeconds: number;
  /** Of all service. */
  readonly share: number;
  readonly entitled: number;
  /** 1 where it got exactly what it is entitled to. */
  readonly ratio: number;
  readonly queueP50Ms: number;
  readonly queueP99Ms: number;
}

/** A share may be off by this part of what the tenant is entitled to. */
export const TOLERANCE = 0.1;

export class ShareTally {
  readonly #services = new Map<string, Service[]>();

  add(tenant: string, service: Service): void {
    const services = this.#services.get(tenant) ?? [];
    this.#services.set(tenant, services);
    services.push(service);
  }

  shares(tenants: readonly TenantWeight[], span: Span): readonly TenantShare[] {
    const slotMs = tenants.map(({ name }) => slotMsOf(this.#services.get(name) ?? [], span));
    const total = slotMs.reduce((sum, ms) => sum + ms, 0);
    const weights = tenants.reduce((sum, { weight }) => sum + weight, 0);
    return tenants.map((tenant, index) => {
      const services = this.#services.get(tenant.name) ?? [];
      const waitsMs = services.map(({ queueMs }) => queueMs).sort((one, other) => one - other);
      const ms = slotMs[index] ?? 0;
      const [share, entitled] = [total > 0 ? ms / total : 0, tenant.weight / weights];
      return {
        ...tenant,
        served: services.length,
        slotSeconds: ms / 1000,
        share,
        entitled,
        ratio: share / entitled,
        queueP50Ms: percentile(waitsMs, 0.5),
        queueP99Ms: percentile(waitsMs, 0.99),
      };
    });
  }
}

/** A request holds its slot from the end of its wait until it is answered; what lies within counts. */
function slotMsOf(services: readonly Service[], { fromMs, toMs }: Span): number {
  return services.reduce((sum, { endedAtMs, elapsedMs, queueMs }) => {
    const beganAtMs = Math.max(fromMs, endedAtMs - elapsedMs + queueMs);
    return sum + Math.max(0, Math.min(toMs, endedAtMs) - beganAtMs);
  }, 0);
}

export function isOff({ ratio }: TenantShare): boolean {
  return Math.abs(ratio - 1) > TOLERANCE;
}

const HEAD = ['weight', 'served', 'slot-seconds', 'share', 'entitled', 'ratio', 'queue p50/p99 ms'];

export function shareTable(shares: readonly TenantShare[]): string {
  const rows = shares.map((one) => [
    one.name,
    String(one.weight),
    one.served.toLocaleString('en-US'),
    one.slotSeconds.toFixed(1),
    percent(one.share),
    percent(one.entitled),
    `${one.ratio.toFixed(3)} ${isOff(one) ? '✘' : '✔'}`,
    `${Math.round(one.queueP50Ms)} / ${Math.round(one.queueP99Ms)}`,
  ]);
  const all = [['tenant', ...HEAD], ...rows];
  const widths = HEAD.map((_, at) => Math.max(...all.map((row) => row[at + 1]?.length ?? 0)));
  const nameWidth = Math.max(...all.map(([name = '']) => name.length));
  return all
    .map(([name = '', ...cells]) => {
      const padded = cells.map((cell, at) => cell.padStart(widths[at] ?? 0));
      return `  ${[name.padEnd(nameWidth), ...padded].join('  ')}`;
    })
    .join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
