// Where a request may go: its route, narrowed to the provider that it names and to those that its
// caller may use. A provider is a pool, and its name is the pool's. Whether there is a free slot is
// the scheduler's matter.
import type { FailoverLimits } from '../config/outcomes-schema.ts';
import type { AccountConfig, RouteConfig, TargetConfig } from '../config/schema.ts';
import { slotOf, type SlotName, type SlotNames } from '../config/slots.ts';
import { AppError } from '../core/errors.ts';

/** What is configured. */
export interface Places {
  /** By alias. */
  readonly routes: Pick<ReadonlyMap<string, RouteConfig>, 'get'>;
  /** By provider: whether any of its accounts is enabled. */
  readonly providers: ReadonlyMap<string, boolean>;
  /** Undefined where no slots are named. */
  readonly slots?: SlotNames | undefined;
}

/** What the caller says. */
export interface Wish {
  readonly model: string;
  /** By the header x-slotkeeper-provider. */
  readonly provider: string | undefined;
  /** Providers that the caller may use; undefined for all. */
  readonly allowed: readonly string[] | undefined;
  /** Aliases that the caller may ask for; without them all. Others look unknown. */
  readonly routes?: ReadonlySet<string> | undefined;
}

export interface Destination {
  readonly alias: string;
  /** At least one. */
  readonly targets: readonly TargetConfig[];
  /** The provider that the caller named. */
  readonly provider: string | undefined;
  /** How far the route goes on trying, where that is its own. */
  readonly failover?: FailoverLimits;
  /** Whether requests of one session run one at a time. */
  readonly serialize?: boolean | undefined;
  /** The named slot whose route it is. */
  readonly slot?: SlotName | undefined;
  /** The stage in which its requests wait should they be deferred. */
  readonly defer?: string | undefined;
}

export function providersOf(accounts: Iterable<AccountConfig>): ReadonlyMap<string, boolean> {
  const providers = new Map<string, boolean>();
  for (const { pool, enabled } of accounts) {
    providers.set(pool, enabled || providers.get(pool) === true);
  }
  return providers;
}

/** Throws `model_not_found`, `provider_not_available`, `provider_disabled` or `invalid_params`. */
export function resolveDestination(wish: Wish, places: Places): Destination {
  const named = places.slots && slotOf(wish.model, places.slots, places.routes);
  const asked = named === undefined ? wish : { ...wish, model: named.alias };
  const { alias, provider } = namesIn(asked, places);
  if (provider !== undefined) requireProvider(provider, wish.allowed, places);
  const route = routeOf(alias, wish, places);
  if (route === undefined) throw modelNotFound();
  const { failover, serialize, defer } = route;
  const slot = named?.slot;
  const targets = withoutDowngrade(narrowed(route.targets, provider, wish), route);
  if (targets.length === 0) throw modelNotFound(provider);
  return { alias, targets, provider, serialize, slot, defer, ...(failover && { failover }) };
}

/** Targets as good as its first one alone: for work that would rather wait than be done by a lesser model. */
export function withinTier(destination: Destination): Destination {
  const [first] = destination.targets;
  return {
    ...destination,
    targets: destination.targets.filter(({ tier }) => tier === first?.tier),
  };
}

function narrowed(
  targets: readonly TargetConfig[],
  provider: string | undefined,
  { allowed }: Wish,
): readonly TargetConfig[] {
  if (provider === undefined && allowed === undefined) return targets;
  return targets.filter(({ pool }) => {
    return provider === undefined ? allowed?.includes(pool) === true : pool === provider;
  });
}

/** What a caller may use at all decides the tier; from there on nothing changes it unseen. */
function withoutDowngrade(
  targets: readonly TargetConfig[],
  { downgrade }: RouteConfig,
): readonly TargetConfig[] {
  if (downgrade === undefined) return targets;
  return targets.filter(({ tier }) => tier === targets[0]?.tier);
}

function routeOf(alias: string, wish: Wish, { routes }: Places): RouteConfig | undefined {
  return wish.routes?.has(alias) === false ? undefined : routes.get(alias);
}

/** `provider/model` names a provider only where it is not an alias itself. */
function namesIn(wish: Wish, places: Places) {
  const { model, provider } = wish;
  if (routeOf(model, wish, places) !== undefined) return { alias: model, provider };
  const slash = model.indexOf('/');
  const alias = model.slice(slash + 1);
  if (slash < 0 || routeOf(alias, wish, places) === undefined) return { alias: model, provider };
  const prefix = model.slice(0, slash);
  if (provider !== undefined && provider !== prefix && places.providers.has(prefix)) {
    const message = 'The model and the header x-slotkeeper-provider name two providers.';
    throw new AppError('invalid_params', message, { param: 'model' });
  }
  return { alias, provider: provider ?? prefix };
}

/** A provider that the caller may not use looks like one that is not there. */
function requireProvider(provider: string, allowed: Wish['allowed'], places: Places): void {
  const isEnabled = places.providers.get(provider);
  if (isEnabled === undefined || allowed?.includes(provider) === false) {
    throw new AppError('provider_not_available', 'No such provider is configured.', {
      param: 'x-slotkeeper-provider',
    });
  }
  if (!isEnabled) {
    const message = 'All accounts of this provider are disabled by the configuration.';
    throw new AppError('provider_disabled', message, { retryAfterMs: DISABLED_RETRY_MS });
  }
}

/** Nobody knows when a configuration is changed; clients should not ask all the time. */
const DISABLED_RETRY_MS = 30_000;

function modelNotFound(provider?: string): AppError {
  const message =
    provider === undefined
      ? 'No such model is configured; GET /v1/models lists them.'
      : 'This provider does not serve this model.';
  return new AppError('model_not_found', message, { param: 'model' });
}
