// The admin API's rollouts over HTTP: arms, percentages, and what each arm came to. It decides
// nothing.
import type { Request, Router } from 'express';
import { z } from 'zod';
import { ROLLOUT_KINDS, type RolloutConfig } from '../../config/rollouts-schema.ts';
import { NAME_PATTERN } from '../../core/domain.ts';
import type { Rollout } from '../../rollout/service.ts';
import { percentSchema } from '../../rollout/switches.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

export type RolloutRoutesDeps = Pick<Rollout, 'rollouts' | 'stats'>;

const name = z.string().regex(NAME_PATTERN, 'is not a name');
const ms = z.int().nullable();

export const rolloutSchemas = {
  path: z.strictObject({ name }),
  change: z
    .strictObject({
      arms: z.record(name, percentSchema).meta({
        description:
          'New percentages; arms that are not named keep theirs, the base gets the rest.',
      }),
    })
    .meta({ id: 'RolloutChange' }),
} as const;

const share = z.strictObject({ arm: name, percent: percentSchema });
const about = {
  name,
  what: z.enum(ROLLOUT_KINDS),
  route: z.string().optional(),
  pool: z.string().optional(),
};

export const rolloutListSchema = z.strictObject({
  rollouts: z.array(z.strictObject({ ...about, arms: z.array(share) })),
});

export const rolloutSchema = z
  .strictObject({
    ...about,
    arms: z.array(
      share.extend({
        requests: z.int(),
        errors: z.int().meta({ description: 'Answered with 429 or 5xx.' }),
        costMicro: z.int(),
        firstByteMs: z.strictObject({ p50: ms, p95: ms }).meta({
          description: 'Time to the upstream’s first byte.',
        }),
        breakers: z
          .strictObject({
            accounts: z.int(),
            trips: z.int(),
            left: z.int().meta({
              description: 'Attempts that failed at its accounts and went on elsewhere.',
            }),
          })
          .optional()
          .meta({ description: 'Of `breaker`: what the arm’s accounts came to.' }),
      }),
    ),
  })
  .meta({ id: 'Rollout' });

export type RolloutBody = z.infer<typeof rolloutSchema>;
export type RolloutListBody = z.infer<typeof rolloutListSchema>;

/** GET /admin/rollouts, GET and PUT /admin/rollouts/{name}. */
export function addRolloutRoutes(router: Router, deps: RolloutRoutesDeps): void {
  router
    .route('/rollouts')
    .get((_req, res) => {
      const rollouts = deps.rollouts.all().map((one) => ({ ...aboutOf(one), arms: sharesOf(one) }));
      res.json({ rollouts });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/rollouts/:name')
    .get(async (req, res) => {
      res.json(await rolloutBody(nameIn(req), deps));
    })
    .put(async (req, res) => {
      const own = nameIn(req);
      const { arms } = parse(rolloutSchemas.change, req.body, 'body');
      await deps.rollouts.set(own, arms);
      res.json(await rolloutBody(own, deps));
    })
    .all(refuseMethod(['GET', 'PUT']));
}

async function rolloutBody(own: string, { rollouts, stats }: RolloutRoutesDeps) {
  const rollout = rollouts.of(own);
  // What this daemon has not told yet belongs to the picture.
  await stats.tell();
  const accounts = rollouts.accountsIn(own);
  const arms = await Promise.all(
    sharesOf(rollout).map(async (one) => {
      const { trips, left, ...figures } = await stats.read(own, one.arm);
      const breakers = { accounts: accounts.get(one.arm) ?? 0, trips, left };
      return { ...one, ...figures, ...(rollout.what === 'breaker' && { breakers }) };
    }),
  );
  return { ...aboutOf(rollout), arms };
}

function aboutOf({ name: own, what, route, pool }: RolloutConfig) {
  return { name: own, what, route, pool };
}

function sharesOf({ arms }: RolloutConfig) {
  return arms.map(({ name: arm, percent }) => ({ arm, percent }));
}

function nameIn(req: Request): string {
  return parse(rolloutSchemas.path, req.params, 'path').name;
}
