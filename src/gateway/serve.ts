// One request, told as a story: read it, resolve where it may go, estimate its cost, take a slot
// (perhaps wait), try an account, and another one where it fails, let the answer through, and in one
// `finally` settle and give the slot back, whatever happened.
import type { FailoverLimits } from '../config/outcomes-schema.ts';
import type { TargetConfig } from '../config/schema.ts';
import { asAppError } from '../core/errors.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { Lease } from '../scheduler/lease.ts';
import type { ReleaseReport } from '../scheduler/types.ts';
import type { UpstreamClient } from '../upstream/client.ts';
import type { AccountFinder } from './account-book.ts';
import { readAsked, type Asked } from './asked.ts';
import { readBody } from './body.ts';
import { chargeOf, settlementOf, withSpent, type Charge, type ChargeRules } from './charge.ts';
import { resolveDestination, withinTier, type Destination, type Places } from './destination.ts';
import { chosenEstimator, Estimating, type GuessReason } from './estimating.ts';
import type { Exchange } from './exchange.ts';
import { reportOf, tryAccounts } from './failover.ts';
import { parkingOf, type ParkingContext } from './parking.ts';
import { asksForHistory, withHistory, type HistoryRules } from './history.ts';
import { principalOf } from './principal.ts';
import { tellProvenance } from './provenance.ts';
import { takeSlot, type SlotRules } from './slot.ts';
import { laneOf, sessionOf } from './session.ts';
import { keepProvider, providerOfRun, runIn, stayWith, type RunRules } from './run.ts';

export interface ServeContext extends ParkingContext, HistoryRules {
  readonly slots: SlotRules;
  readonly upstream: UpstreamClient;
  /** By name. */
  readonly accounts: AccountFinder;
  readonly places: Places;
  readonly charging: ChargeRules;
  readonly runs: RunRules;
  /** Where a route does not have its own. */
  readonly failover: FailoverLimits;
  readonly rollouts?: Pick<Rollouts, 'routesFor' | 'armsOf' | 'armOfAccount'> | undefined;
  readonly maxBodyBytes: number;
}

/**
 * Resolves when the upstream's answer has gone through, whatever its status. Rejects with an
 * AppError when it is to be refused or was broken off; the answer may then have begun. In both
 * cases the slot is on its way back. A request that may be deferred is settled once that is so.
 */
export async function serve(exchange: Exchange, context: ServeContext): Promise<void> {
  const { req, endpoint } = exchange;
  const sent = await readBody(exchange, context.maxBodyBytes);
  const body = asksForHistory(req.headers) ? await withHistory(exchange, sent, context) : sent;
  exchange.receivedAtMs = performance.now();
  const asked = readAsked(body, req.headers['content-type'] ?? '', endpoint);
  exchange.session = sessionOf(req.headers, asked.sessions, context.sessionFrom);
  const found = await findDestination(exchange, asked, context);
  const parking = parkingOf(exchange, { asked, destination: found, body }, context);
  const waits = parking !== undefined || exchange.inner !== undefined;
  const destination = waits && found.slot !== undefined ? withinTier(found) : found;
  const request = { asked, destination, body };
  if (parking === undefined) await serveAt(exchange, request, context);
  else await parking.settle(() => serveAt(exchange, request, context));
}

/** What a request asks for, and where it may go. */
interface Resolved {
  readonly asked: Asked;
  readonly destination: Destination;
  readonly body: Buffer;
}

async function serveAt(
  exchange: Exchange,
  { asked, destination, body }: Resolved,
  context: ServeContext,
): Promise<void> {
  const { targets: wanted } = destination;
  const estimating = startEstimating(exchange, { asked, wanted, body }, context);
  if (estimating?.reservedBy === 'v2') await estimating.ready();
  const charge = chargeOf(asked.size, wanted, context.charging, estimating);

  exchange.wantsStream = asked.wantsStream;
  exchange.lane = laneOf(exchange.req.headers, exchange.session, destination);
  const lease = await takeSlot(exchange, charge, context.slots);
  try {
    const others = await placesAfter(exchange, { lease, charge, context });
    exchange.throwIfBroken();
    const { targets } = charge;
    const limits = destination.failover ?? context.failover;
    const end = await tryAccounts(exchange, { lease, asked, targets, others, limits }, context);
    if (end.kind === 'failed') throw end.error;
  } finally {
    giveBack(exchange, { lease, charge, context, estimating });
  }
}

/** Undefined where `v1` is asked alone, as by default. */
function startEstimating(
  exchange: Exchange,
  { asked, wanted, body }: { asked: Asked; wanted: readonly TargetConfig[]; body: Buffer },
  { charging: { estimators }, events }: ServeContext,
): Estimating | undefined {
  const { stableKey, route = '', endpoint, req } = exchange;
  const reservedBy = chosenEstimator(stableKey, route, estimators);
  if (estimators === undefined || reservedBy === undefined) return undefined;
  exchange.reservedBy = reservedBy;
  const request = {
    tenant: principalOf(req).tenant.name,
    route,
    size: asked.size,
    targets: wanted,
    body,
    isJson: asked.contentType === 'application/json',
    isChat: CHAT.has(endpoint.name),
    onGuess: (reason: GuessReason) => events.emit('tokensGuessed', { reason }),
  };
  return new Estimating(request, reservedBy, estimators);
}

/** Endpoints whose texts are messages. */
const CHAT: ReadonlySet<string> = new Set(['chat', 'responses', 'messages']);

/** Its route, narrowed to the provider that it names or that its run has. */
async function findDestination(
  exchange: Exchange,
  asked: Asked,
  { places, runs, events, rollouts }: ServeContext,
): Promise<Destination> {
  const { headers } = exchange.req;
  const { tenant } = principalOf(exchange.req);
  const provider = headerOf(headers['x-slotkeeper-provider']);
  const { routes, terms } = tenant;
  const wish = { model: asked.model, provider, allowed: terms.providers, routes };
  const run = runIn(headers, asked.sessions, { rules: runs, events });
  exchange.stableKey = exchange.session ?? run ?? exchange.stableKey;
  const configured = rollouts?.routesFor(exchange.stableKey, places.routes) ?? places.routes;
  const destination = resolveDestination(wish, { ...places, routes: configured });
  exchange.route = destination.alias;
  exchange.arms = rollouts?.armsOf(destination.alias, exchange.stableKey);
  if (run === undefined) return destination;
  exchange.run = { tenant: tenant.name, run };
  if (destination.provider === undefined)
    exchange.runProvider = await providerOfRun(exchange.run, runs);
  return stayWith(exchange.runProvider, destination, places);
}

/** Where the request may go should its first attempt fail: a run that has a provider now stays. */
async function placesAfter(
  exchange: Exchange,
  { lease, charge, context }: Ended,
): Promise<readonly TargetConfig[]> {
  const { run, runProvider } = exchange;
  const { targets } = charge;
  if (run === undefined || runProvider !== undefined) return targets;
  if (context.runs.memory === undefined) return targets;
  const { pool } = lease.target;
  await keepProvider(pool, run, context);
  return targets.filter((target) => target.pool === pool);
}

/** Not waited for: the client's answer never depends on the store's. */
function giveBack(exchange: Exchange, ended: Ended): void {
  const { lease, context, charge, estimating } = ended;
  const arm = context.rollouts?.armOfAccount(lease.account);
  if (arm !== undefined) exchange.arms = [...(exchange.arms ?? []), arm];
  lease.release(lastReport(exchange, ended)).catch((error: unknown) => {
    const { requestId } = exchange;
    const { account } = lease;
    context.events.emit('releaseFailed', { requestId, account, error: asAppError(error) });
  });
  if (estimating === undefined) return;
  const { target, requestId: slotId } = lease;
  const { events, charging: rules } = context;
  void tellProvenance(exchange, { estimating, charge, target, slotId, rules, events });
}

interface Ended {
  readonly lease: Lease;
  readonly charge: Charge;
  readonly context: ServeContext;
  readonly estimating?: Estimating | undefined;
}

/** What the last account showed, what all attempts have used, and where it is booked. */
function lastReport(exchange: Exchange, { lease, charge, context }: Ended): ReleaseReport {
  const { usage, isAnswered, answerBytes, spent, route = '', run } = exchange;
  const about = { charge, target: lease.target, rules: context.charging };
  const last = settlementOf({ usage, isAnswered, bytes: answerBytes }, about);
  const { tokens, costMicro } = withSpent(last, spent, about);
  const report = { ...reportOf(exchange.verdict), tokens };
  exchange.costMicro = costMicro;
  if (costMicro === undefined) return report;
  const spend = { route, model: lease.target.model, ...(run && { run: run.run }) };
  return { ...report, costMicro, spend };
}

function headerOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join() : header;
}
