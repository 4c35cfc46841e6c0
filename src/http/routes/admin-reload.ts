// POST /admin/reload: the daemon reads its configuration again. What is in force afterwards is not
// decided here, and every fault is the loader's to name.
import type { Router } from 'express';
import { z } from 'zod';
import type { ReloadResult } from '../../config/reloading.ts';
import { AppError } from '../../core/errors.ts';
import { refuseMethod } from './json-body.ts';

export interface ReloadRouteDeps {
  readonly reload?: (() => Promise<ReloadResult>) | undefined;
}

export const reloadedSchema = z
  .strictObject({
    result: z.enum(['applied', 'unchanged']),
    changes: z.array(z.string()).meta({
      description: 'The options that differ from before, by name; never their values.',
    }),
  })
  .meta({ id: 'Reloaded' });

export function addReloadRoute(router: Router, { reload }: ReloadRouteDeps): void {
  router
    .route('/reload')
    .post(async (_req, res) => {
      if (reload === undefined) {
        throw new AppError('invalid_request', 'This daemon has no configuration to read again.');
      }
      const result = await reload();
      const changes = result.kind === 'applied' ? result.changes : [];
      res.json({ result: result.kind, changes });
    })
    .all(refuseMethod(['POST']));
}
