// Where a caller of the Scheduler API may go: a route of the configuration, or targets that it names.
import type { Config } from '../../config/schema.ts';
import type { Target } from '../../core/domain.ts';
import { AppError } from '../../core/errors.ts';
import { remade } from '../../core/remade.ts';
import { mayBeServedBy, mayUse, type Tenant } from '../../tenants/tenant.ts';

/** What a body says of it; one of the two. */
interface Wish {
  readonly route?: string | undefined;
  readonly targets?: readonly Target[] | undefined;
}

export type TargetResolver = (body: Wish, tenant: Tenant) => readonly Target[];

/**
 * Targets come from the configuration alone: a caller's words never become a key in the store. What
 * its tenant may not use looks to a caller as what is not there.
 */
export function targetResolver(config: Pick<Config, 'accounts' | 'routes'>): TargetResolver {
  const servedNow = remade(
    () => config.accounts,
    (accounts) =>
      new Set(
        accounts.flatMap(({ pool, models }) => models.map((model) => targetKey({ pool, model }))),
      ),
  );
  return (body, tenant) => {
    const { routes } = config;
    const served = servedNow();
    const isAllowed = ({ pool }: Target): boolean => mayBeServedBy(tenant, pool);
    if (body.targets === undefined) {
      const alias = body.route ?? '';
      const targets = mayUse(tenant, alias) ? routes.get(alias)?.targets.filter(isAllowed) : [];
      if (targets !== undefined && targets.length > 0) return targets;
      throw new AppError('model_not_found', 'No such route is configured.', { param: 'route' });
    }
    const reached = targetsOf(tenant, routes) ?? served;
    const unknown = body.targets.findIndex((target) => {
      return (
        !isAllowed(target) || !reached.has(targetKey(target)) || !served.has(targetKey(target))
      );
    });
    if (unknown < 0) return body.targets;
    throw new AppError('model_not_found', 'No account of this pool serves this model.', {
      param: `targets.${unknown}`,
    });
  };
}

/** What a tenant's routes lead to, so that naming targets is no way around them. */
function targetsOf(tenant: Tenant, routes: Config['routes']): ReadonlySet<string> | undefined {
  if (tenant.routes === undefined) return undefined;
  const own = [...tenant.routes].flatMap((alias) => routes.get(alias)?.targets ?? []);
  return new Set(own.map(targetKey));
}

function targetKey({ pool, model }: Target): string {
  return `${pool}\n${model}`;
}
