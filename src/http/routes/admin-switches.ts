// The admin API's switches over HTTP: how each pool is scheduled, told and changed. What a switch
// means is rollout/'s matter.
import type { RequestHandler, Router } from 'express';
import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { NAME_PATTERN } from '../../core/domain.ts';
import { AppError } from '../../core/errors.ts';
import { percentSchema, SCHEDULINGS, type Switches } from '../../rollout/switches.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

export interface SwitchRoutesDeps {
  readonly config: Pick<Config, 'accounts'>;
  readonly switches: Pick<Switches, 'of' | 'set'>;
}

const pool = z.string().regex(NAME_PATTERN, 'is not a pool’s name');
const percent = percentSchema.meta({
  description: 'Of the requests, by a hash of their session or id; the others are enforced.',
});
const scheduling = z.enum(SCHEDULINGS).meta({
  description:
    '`enforce`: every request needs a slot. `observe`: slots are decided and counted, nobody is ' +
    'refused. `off`: nobody asks for a slot. The last two can oversell accounts.',
});

export const switchSchemas = {
  path: z.strictObject({ pool }),
  change: z
    .strictObject({ scheduling, percent: percent.default(100) })
    .meta({ id: 'SwitchChange' }),
} as const;

export const switchSchema = z
  .strictObject({ pool, scheduling, percent, changedAt: z.iso.datetime().optional() })
  .meta({ id: 'Switch' });

export const switchListSchema = z.strictObject({ switches: z.array(switchSchema) });

export type SwitchBody = z.infer<typeof switchSchema>;

/** GET /admin/switches and PUT /admin/switches/{pool}. */
export function addSwitchRoutes(router: Router, deps: SwitchRoutesDeps): void {
  router
    .route('/switches')
    .get((_req, res) => {
      const switches = [...poolsOf(deps)].map((name) => switchBody(name, deps));
      res.json({ switches });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/switches/:pool')
    .put(changeSwitch(deps))
    .all(refuseMethod(['PUT']));
}

function changeSwitch(deps: SwitchRoutesDeps): RequestHandler {
  return async (req, res) => {
    const { pool: name } = parse(switchSchemas.path, req.params, 'path');
    const change = parse(switchSchemas.change, req.body, 'body');
    if (!poolsOf(deps).has(name)) {
      throw new AppError('provider_not_available', 'No such pool is configured.', {
        param: 'pool',
      });
    }
    await deps.switches.set(name, change);
    res.json(switchBody(name, deps));
  };
}

function poolsOf({ config }: SwitchRoutesDeps): ReadonlySet<string> {
  return new Set(config.accounts.map((account) => account.pool));
}

function switchBody(name: string, { switches }: SwitchRoutesDeps): SwitchBody {
  return { pool: name, ...switches.of(name) };
}
