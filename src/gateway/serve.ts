// One request, told as a story: read it, resolve where it may go, estimate its cost, take a slot
// (perhaps wait), try the upstream, let the answer through, and in one `finally` settle and give the slot back, whatever
// happened.
import type { AccountConfig } from '../config/schema.ts';
import { AppError, asAppError } from '../core/errors.ts';
import type { Lease } from '../scheduler/lease.ts';
import type { ReleaseReport } from '../scheduler/types.ts';
import type { UpstreamClient } from '../upstream/client.ts';
import type { AccountFinder } from './account-book.ts';
import { readAsked, type Asked } from './asked.ts';
import { attempt } from './attempt.ts';
import { readBody } from './body.ts';
import { chargeOf, settlementOf, type Charge, type ChargeRules } from './charge.ts';
import { resolveDestination, type Destination, type Places } from './destination.ts';
import type { GatewayEmitter } from './events.ts';
import type { Exchange } from './exchange.ts';
import { principalOf } from './principal.ts';
import { takeSlot, type SlotRules } from './slot.ts';
import { keepProvider, providerOfRun, runIn, stayWith, type RunRules } from './run.ts';

export interface ServeContext {
  readonly slots: SlotRules;
  readonly upstream: UpstreamClient;
  /** By name. */
  readonly accounts: AccountFinder;
  readonly places: Places;
  readonly charging: ChargeRules;
  readonly runs: RunRules;
  readonly maxBodyBytes: number;
  readonly writeIdleTimeoutMs: number;
  readonly events: GatewayEmitter;
}

/**
 * Resolves when the upstream's answer has gone through, whatever its status. Rejects with an
 * AppError when it is to be refused or was broken off; the answer may then have begun. In both
 * cases the slot is on its way back.
 */
export async function serve(exchange: Exchange, context: ServeContext): Promise<void> {
  const { upstream, writeIdleTimeoutMs } = context;
  const { req, endpoint } = exchange;
  const body = await readBody(exchange, context.maxBodyBytes);
  exchange.receivedAtMs = performance.now();
  const asked = readAsked(body, req.headers['content-type'] ?? '', endpoint);
  const destination = await findDestination(exchange, asked, context);
  const charge = chargeOf(asked.size, destination.targets, context.charging);

  exchange.wantsStream = asked.wantsStream;
  const lease = await takeSlot(exchange, charge, context.slots);
  try {
    const { run, runProvider } = exchange;
    if (run && runProvider === undefined) await keepProvider(lease.target.pool, run, context);
    exchange.throwIfBroken();
    const account = accountOf(lease, context.accounts);
    const target = charge.targets[lease.targetIndex] ?? lease.target;
    const options = { upstream, account, asked, target, writeIdleTimeoutMs };
    const end = await attempt(exchange, options);
    exchange.verdict = end.verdict;
    const told = end.kind === 'held' ? end.pass() : end;
    if (told.kind === 'failed') throw told.error;
  } finally {
    giveBack(exchange, { lease, charge, context });
  }
}

/** Its route, narrowed to the provider that it names or that its run has. */
async function findDestination(
  exchange: Exchange,
  asked: Asked,
  { places, runs, events }: ServeContext,
): Promise<Destination> {
  const { headers } = exchange.req;
  const { tenant } = principalOf(exchange.req);
  const provider = headerOf(headers['x-slotkeeper-provider']);
  const { routes, terms } = tenant;
  const wish = { model: asked.model, provider, allowed: terms.providers, routes };
  const destination = resolveDestination(wish, places);
  exchange.route = destination.alias;
  const run = runIn(headers, asked.sessions, { rules: runs, events });
  if (run === undefined) return destination;
  exchange.run = { tenant: tenant.name, run };
  if (destination.provider === undefined)
    exchange.runProvider = await providerOfRun(exchange.run, runs);
  return stayWith(exchange.runProvider, destination, places);
}

function accountOf(lease: Lease, accounts: ServeContext['accounts']): AccountConfig {
  const account = accounts.get(lease.account);
  if (account !== undefined) return account;
  // Another daemon of the cell has registered accounts that this one's configuration lacks.
  throw new AppError('no_account_for_model', 'The configuration is being changed; try again.');
}

/** Not waited for: the client's answer never depends on the store's. */
function giveBack(exchange: Exchange, ended: Ended): void {
  const { lease, context } = ended;
  lease.release(reportOf(exchange, ended)).catch((error: unknown) => {
    const { requestId } = exchange;
    const { account } = lease;
    context.events.emit('releaseFailed', { requestId, account, error: asAppError(error) });
  });
}

interface Ended {
  readonly lease: Lease;
  readonly charge: Charge;
  readonly context: ServeContext;
}

/** What the account showed, what was used, and where it is booked. */
function reportOf(exchange: Exchange, { lease, charge, context }: Ended): ReleaseReport {
  const { usage, isAnswered, answerBytes, route = '', run, verdict } = exchange;
  const { target } = lease;
  const { tokens, costMicro } = settlementOf(
    { usage, isAnswered, bytes: answerBytes },
    { charge, target, rules: context.charging },
  );
  const { outcome, retryAfterMs } = verdict;
  const shown = { outcome, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (costMicro === undefined) return { ...shown, tokens };
  const spend = { route, model: target.model, ...(run && { run: run.run }) };
  return { ...shown, tokens, costMicro, spend };
}

function headerOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join() : header;
}
