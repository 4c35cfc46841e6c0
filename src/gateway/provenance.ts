// What is told of a request's estimates once it is over: one record for each request that had a slot,
// also when its client left or its upstream failed. It tells; who keeps records listens.
import type { Target } from '../core/domain.ts';
import type { ProvenanceRecord } from '../core/estimates.ts';
import { V1_VERSION } from '../costs/estimate.ts';
import { V2_VERSION } from '../costs/estimate-v2.ts';
import { compare, type Charge, type ChargeRules } from './charge.ts';
import type { Estimating } from './estimating.ts';
import type { GatewayEmitter } from './events.ts';
import type { Exchange } from './exchange.ts';
import { principalOf } from './principal.ts';

export interface Told {
  readonly estimating: Estimating;
  readonly charge: Charge;
  /** That served it, or was tried last. */
  readonly target: Target;
  readonly slotId: string;
  readonly rules: ChargeRules;
  readonly events: GatewayEmitter;
}

const VERSIONS = { v1: V1_VERSION, v2: V2_VERSION };

/** To be called once, when the request is over. Never rejects, and nobody waits for it. */
export async function tellProvenance(exchange: Exchange, told: Told): Promise<void> {
  const { estimating, charge, target, slotId, rules, events } = told;
  const { usage, verdict, route = '' } = exchange;
  const tenant = principalOf(exchange.req).tenant.name;
  // What a broken answer told last is not what it came to.
  const complete = verdict.outcome === 'success' ? usage : undefined;
  const atMs = Date.now();
  const inputHash = await estimating.finished();
  const configured = charge.targets.find((one) => isSame(one, target)) ?? target;
  const about = { rules, estimating };
  const compared = compare(complete, configured, about);
  if (compared.actual !== undefined) estimating.learn(target, compared.actual);
  const { pool, model } = target;
  const { reservedBy } = estimating;
  const record: ProvenanceRecord = {
    ...{ id: slotId, source: 'live', inputHash, tenant, route, pool, model, atMs },
    ...{ versions: VERSIONS, reservedBy, ...compared },
  };
  events.emit('estimated', record);
}

function isSame(one: Target, other: Target): boolean {
  return one.pool === other.pool && one.model === other.model;
}
