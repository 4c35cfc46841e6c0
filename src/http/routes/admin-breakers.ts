// What the admin API tells of accounts that fail, and how an operator says that one is well again.
import type { Router } from 'express';
import { z } from 'zod';
import { MODEL_PATTERN, NAME_PATTERN } from '../../core/domain.ts';
import type { Target } from '../../core/domain.ts';
import { AppError } from '../../core/errors.ts';
import type { Insight } from '../../scheduler/insight.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

const STATES = ['closed', 'open', 'half_open'] as const;
const ms = z.number().meta({ description: 'Cell time in ms.' });
const reason = z.string().optional().meta({ description: 'An outcome, `reaped` or `operator`.' });
const name = z.string().regex(NAME_PATTERN, 'is not an account’s name');

export const breakerSchemas = {
  breakersQuery: z.strictObject({
    history: z.coerce.number().int().min(0).max(1000).default(100).meta({
      description: 'Changes to tell of, at most.',
    }),
  }),
  reset: z
    .strictObject({
      account: name,
      model: z.string().regex(MODEL_PATTERN, 'is not a model’s name').optional().meta({
        description: 'Only the breaker of this one; without it all that is wrong with the account.',
      }),
    })
    .meta({ id: 'BreakerReset' }),
  resetDone: z.strictObject({ account: z.string(), model: z.string().optional() }),
  breakers: z
    .strictObject({
      nowMs: ms,
      accounts: z.array(
        z.strictObject({
          account: z.string(),
          pool: z.string(),
          disabled: z.boolean().meta({ description: 'By an `unusable` outcome.' }),
          reason,
          changedAtMs: ms,
          coolsMs: z.number().meta({ description: 'Ms for which the whole account rests.' }),
          breakers: z.array(
            z.strictObject({
              model: z.string(),
              state: z.enum(STATES),
              reason,
              consecutiveFailures: z.number(),
              trips: z.number(),
              requests: z.number(),
              failures: z.number(),
              probing: z.boolean(),
              restsMs: z.number(),
              changedAtMs: ms,
            }),
          ),
        }),
      ),
      history: z.array(
        z.strictObject({
          atMs: ms,
          account: z.string(),
          target: z.strictObject({ pool: z.string(), model: z.string() }).optional(),
          change: z.enum([...STATES, 'disabled', 'enabled']),
          reason,
          untilMs: ms,
        }),
      ),
    })
    .meta({ id: 'Breakers' }),
} as const;

export interface HealthKeeper {
  resetHealth(account: string, target?: Target): Promise<boolean>;
}

export interface BreakerRoutesDeps {
  readonly insight: Insight;
  readonly scheduler: HealthKeeper;
  readonly config: {
    readonly accounts: readonly { readonly name: string; readonly pool: string }[];
  };
}

/** GET /admin/breakers and POST /admin/breakers/reset. */
export function addBreakerRoutes(router: Router, deps: BreakerRoutesDeps): void {
  const { insight, scheduler } = deps;
  router
    .route('/breakers')
    .get(async (req, res) => {
      const { history } = parse(breakerSchemas.breakersQuery, { ...req.query }, 'query');
      res.json(await insight.health({ most: history }));
    })
    .all(refuseMethod(['GET']));
  router
    .route('/breakers/reset')
    .post(async (req, res) => {
      const { account, model } = parse(breakerSchemas.reset, req.body, 'body');
      const pool = deps.config.accounts.find((known) => known.name === account)?.pool ?? '';
      const isKnown = await scheduler.resetHealth(account, model ? { pool, model } : undefined);
      if (!isKnown) {
        throw new AppError(
          'account_not_found',
          'There is no such account, or it has no such model.',
        );
      }
      res.json({ account, model });
    })
    .all(refuseMethod(['POST']));
}
