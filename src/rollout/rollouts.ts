// The rollouts in force: which arm a request or an account is in, what that arm changes, and what
// operators have made of the percentages. An arm is chosen by a stable hash, so a session stays in
// its arm while percentages stay. What arms came to is arm-stats.ts's matter.
import type { ArmConfig, RolloutConfig } from '../config/rollouts-schema.ts';
import type { Config, RouteConfig } from '../config/schema.ts';
import type { Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import type { EstimatorName } from '../core/estimates.ts';
import { remade } from '../core/remade.ts';
import { armOf, ROLLOUT_PREFIX, withShares } from './arms.ts';
import { breakerRolloutOf } from './breaker-arms.ts';
import { PlainChoice } from './plain-choice.ts';
import type { Policies } from './policies.ts';
import type { Speeds } from './speeds.ts';

/** One arm that a request is in, or the account that served it. */
export interface ChosenArm {
  readonly rollout: string;
  readonly arm: string;
}

type Routes = Pick<ReadonlyMap<string, RouteConfig>, 'get'>;

const NONE: readonly ChosenArm[] = [];

export interface RolloutsOptions {
  /** Reads as the configuration in force. */
  readonly config: Pick<Config, 'rollouts' | 'accounts'>;
  readonly policies: Pick<Policies, 'entries' | 'change'>;
  readonly speeds: Pick<Speeds, 'scoreOf'>;
}

export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #choice: () => PlainChoice;
  readonly #pools: () => ReadonlyMap<string, string>;
  #made: { readonly of: unknown; readonly by: unknown; readonly all: readonly RolloutConfig[] };

  constructor(options: RolloutsOptions) {
    this.#options = options;
    const { config } = options;
    this.#choice = remade(
      () => config.accounts,
      (accounts) => new PlainChoice(accounts),
    );
    this.#pools = remade(
      () => config.accounts,
      (accounts) => new Map(accounts.map(({ name, pool }) => [name, pool])),
    );
    this.#made = { of: undefined, by: undefined, all: [] };
  }

  /** With the percentages in force. */
  all(): readonly RolloutConfig[] {
    const { config, policies } = this.#options;
    const { rollouts } = config;
    const { entries } = policies;
    if (this.#made.of !== rollouts || this.#made.by !== entries) {
      const all = [...rollouts.values()].map((one) => withShares(one, entries));
      this.#made = { of: rollouts, by: entries, all };
    }
    return this.#made.all;
  }

  /** Throws `path_not_found` for a rollout that is not configured. */
  of(name: string): RolloutConfig {
    const found = this.all().find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new AppError('path_not_found', 'No such rollout is configured.', { param: 'name' });
  }

  /** Whether any arm may choose the fastest account. */
  needsSpeeds(): boolean {
    return this.all().some(({ arms }) => arms.some(({ selection }) => selection === 'fastest'));
  }

  /** What the routes are for a request. */
  routesFor(stableKey: string, routes: Routes): Routes {
    const changed = this.all().filter(({ what }) => what === 'targets');
    if (changed.length === 0) return routes;
    return {
      get: (alias) => {
        const route = routes.get(alias);
        const rollout = changed.find((one) => one.route === alias);
        const targets = rollout && armOf(rollout, stableKey)?.targets;
        return route === undefined || targets === undefined ? route : { ...route, targets };
      },
    };
  }

  /** The arms of a request for a route; one a rollout that it takes part in. */
  armsOf(route: string, stableKey: string): readonly ChosenArm[] {
    const all = this.#partsOf(route);
    if (all.length === 0) return NONE;
    return all.flatMap((rollout) => {
      const arm = armOf(rollout, stableKey);
      return arm === undefined ? [] : [{ rollout: rollout.name, arm: arm.name }];
    });
  }

  /** The arm of an account whose breaker settings are rolled out. */
  armOfAccount(account: string): ChosenArm | undefined {
    const pool = this.#pools().get(account);
    const rollout = pool === undefined ? undefined : breakerRolloutOf(this.all(), pool);
    const arm = rollout && armOf(rollout, account);
    return arm && { rollout: rollout.name, arm: arm.name };
  }

  /** How many accounts each arm of a rollout has, by its name. */
  accountsIn(rollout: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const account of this.#pools().keys()) {
      const found = this.armOfAccount(account);
      if (found?.rollout === rollout) counts.set(found.arm, (counts.get(found.arm) ?? 0) + 1);
    }
    return counts;
  }

  /** The account that the request's arm would rather have; undefined: the heart's own choice. */
  preferred(arms: readonly ChosenArm[], targets: readonly Target[]): string | undefined {
    const [target] = targets;
    const isFastest = this.#settings(arms, 'selection').some(
      ({ selection }) => selection === 'fastest',
    );
    if (!isFastest || target === undefined) return undefined;
    return this.#fastestOfTwo(target);
  }

  /** What estimates the use of a request in these arms; undefined where none of them says so. */
  estimatorFor(arms: readonly ChosenArm[] = NONE): EstimatorName | undefined {
    return this.#settings(arms, 'estimator')[0]?.estimator;
  }

  /**
   * In force on this daemon when it resolves, on the others within a second. Throws `invalid_params`
   * for an arm that is not there or is the base, and for more than 100 percent.
   */
  async set(name: string, wanted: Readonly<Record<string, number>>): Promise<void> {
    const { arms } = this.of(name);
    const [base, ...others] = arms;
    for (const arm of Object.keys(wanted)) {
      if (others.some((one) => one.name === arm)) continue;
      const isBase = arm === base?.name;
      const message = isBase
        ? `${arm} is the base: it gets what the other arms leave.`
        : `There is no arm ${arm}; the arms are: ${arms.map((one) => one.name).join(', ')}.`;
      throw new AppError('invalid_params', message, { param: `arms.${arm}` });
    }
    await this.#options.policies.change(ROLLOUT_PREFIX + name, () => {
      const now = Object.fromEntries(
        this.of(name)
          .arms.slice(1)
          .map((one) => [one.name, one.percent]),
      );
      const next = { ...now, ...wanted };
      const sum = Object.values(next).reduce((total, percent) => total + percent, 0);
      if (sum > 100) {
        throw new AppError('invalid_params', `The arms would make ${sum} percent.`, {
          param: 'arms',
        });
      }
      return JSON.stringify({ arms: next });
    });
  }

  /** A reload may have taken a rollout out since the request was put into its arm. */
  #settings(arms: readonly ChosenArm[], kind: RolloutConfig['what']): readonly ArmConfig[] {
    return arms.flatMap(({ rollout, arm }) => {
      const found = this.all().find(({ name, what }) => name === rollout && what === kind);
      return found?.arms.filter(({ name }) => name === arm) ?? [];
    });
  }

  /** A rollout of the route's own goes before one of the same kind for all routes. */
  #partsOf(route: string): readonly RolloutConfig[] {
    const all = this.all().filter(
      (one) => one.what !== 'breaker' && (one.route === undefined || one.route === route),
    );
    const own = all.filter((one) => one.route === route).map(({ what }) => what);
    return all.filter((one) => one.route === route || !own.includes(one.what));
  }

  /**
   * The power of two choices (Mitzenmacher 2001): the better one of two drawn at random. The very
   * fastest of all would get everybody's requests until the next reading.
   */
  #fastestOfTwo(target: Target): string | undefined {
    const { speeds } = this.#options;
    const one = this.#choice().pick(target);
    const other = this.#choice().pick(target);
    if (one === undefined || other === undefined) return one ?? other;
    return speeds.scoreOf(other) < speeds.scoreOf(one) ? other : one;
  }
}
