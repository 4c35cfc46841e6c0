// The options of `routes`: where an alias leads, and what its requests say where their callers have
// left it out. Whether pools and models are there is checked in crosscheck.ts.
import { z } from 'zod';
import { parameterFault } from '../core/body-fields.ts';
import { model, name } from './names.ts';
import { routeFailoverSchema, type FailoverLimits } from './outcomes-schema.ts';

/** Fields of a request's body, by name, with any JSON value. */
export type BodyDefaults = Readonly<Record<string, unknown>>;

const parameters = z
  .record(z.string(), z.json())
  .superRefine((given, context) => {
    for (const [field, value] of Object.entries(given)) {
      const fault = parameterFault(field, value);
      if (fault !== undefined) {
        context.addIssue({ code: 'custom', path: [field], message: fault });
      }
    }
  })
  .optional();

const target = z.strictObject({
  pool: name,
  model,
  tier: z.coerce.number().int().min(0).max(15).default(0).meta({
    description: 'Targets of one number are as good as each other; see `downgrade`.',
  }),
  defaults: parameters.meta({
    description: 'The same for this target alone; it goes before the route’s.',
  }),
});

const route = z.strictObject({
  targets: z.array(target).min(1).max(8),
  downgrade: z.enum(['allow', 'never']).default('allow').meta({
    description:
      'Whether a request may go to another `tier` than that of the first target that it may use.',
  }),
  failover: routeFailoverSchema,
  serialize: z.boolean().default(false).meta({
    description: 'Whether requests of one session run one at a time, in the order of arrival.',
  }),
  defer: name.optional().meta({
    description:
      'Stage in which its requests wait where their upstream cannot serve them and they may be deferred; `x-slotkeeper-defer: off` is an exception from it.',
  }),
  defaults: parameters.meta({
    description:
      'Fields that a request gets where its caller left them out, such as `temperature`.',
  }),
});

export const routesSchema = z.record(model, route).default({}).meta({
  description: 'Model aliases that callers use; a model without one is its own alias.',
});

export interface TargetConfig {
  readonly pool: string;
  readonly model: string;
  /** How good it is, beside the other targets of its route; 0 where it does not say. */
  readonly tier?: number;
  /** What a request to this target says where its caller has left it out. */
  readonly defaults?: BodyDefaults | undefined;
}

export interface RouteConfig {
  readonly alias: string;
  readonly targets: readonly TargetConfig[];
  /** `never`: requests stay in the tier of the first target that they may use. */
  readonly downgrade?: 'never';
  /** Where it differs from the limits for all routes. */
  readonly failover?: FailoverLimits;
  /** Whether requests of one session run one at a time. */
  readonly serialize?: boolean | undefined;
  /** The stage in which its requests wait should they be deferred. */
  readonly defer?: string | undefined;
}
