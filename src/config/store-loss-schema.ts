// The options about being without Redis: what is granted meanwhile, and what becomes of work that
// runs. With the check that they fit together.
import { z } from 'zod';
import type { Fault } from './faults.ts';

/** `pools.<name>.whenStoreIsDown` */
export const whenStoreIsDown = z.enum(['reject', 'local']).default('reject').meta({
  description:
    'While Redis is away: refuse, or let each daemon grant its share (`scheduler.expectedDaemons`).',
});

/** `scheduler.expectedDaemons` */
export const expectedDaemons = z.coerce.number().int().min(1).max(10_000).optional().meta({
  description:
    'Daemons that serve the cell; each grants floor(limit / this) where pools say `local`.',
  env: 'SLOTKEEPER_EXPECTED_DAEMONS',
});

/** `scheduler.onLostStore` */
export const onLostStore = z
  .strictObject({
    then: z.enum(['cut', 'keep']).default('cut').meta({
      description:
        'What becomes of running requests whose leases end while Redis is away: `keep` lets them end.',
      env: 'SLOTKEEPER_ON_LOST_STORE',
    }),
    graceMs: z.coerce.number().int().min(0).max(86_400_000).default(0).meta({
      description: 'For so long in ms beyond their leases they run before they are cut.',
      env: 'SLOTKEEPER_ON_LOST_STORE_GRACE_MS',
    }),
  })
  .prefault({});

/** What daemons grant by themselves while Redis is away. */
export interface LocalPolicy {
  readonly pools: readonly string[];
  readonly expectedDaemons: number;
}

const given = z.unknown().optional();
const localOutline = z.object({
  scheduler: z.object({ expectedDaemons: given }).catch({}).default({}),
  pools: z.record(z.string(), z.object({ whenStoreIsDown: given }).catch({})).catch({}),
});

/** Daemons that grant without Redis must know among how many the limits are divided. */
export function checkLocal(tree: unknown): readonly Fault[] {
  const view = localOutline.safeParse(tree);
  if (!view.success || view.data.scheduler.expectedDaemons !== undefined) return [];
  const { pools } = view.data;
  const local = Object.keys(pools).find((name) => pools[name]?.whenStoreIsDown === 'local');
  if (local === undefined) return [];
  const message = `is missing: pool ${local} is served while Redis is away, by each daemon its share`;
  return [{ path: ['scheduler', 'expectedDaemons'], message }];
}
