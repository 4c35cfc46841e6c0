// /v1/batches as OpenAI's API has it: create, look, list, cancel. It knows the wire; what becomes of a
// batch is batches/'s.
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Batch, LineError } from '../../batches/batch.ts';
import type { Batches } from '../../batches/service.ts';
import { AppError } from '../../core/errors.ts';
import { principalOf } from '../../gateway/principal.ts';
import { readJson } from '../read-body.ts';
import { allow } from './files.ts';
import { listBody, pagingOf } from './paging.ts';
import type { ServeBeside } from './proxy.ts';
import { parse } from './validation.ts';

export interface BatchesRoutesDeps {
  readonly batches: Pick<Batches, 'create' | 'find' | 'list' | 'cancel'>;
}

const MAX_BODY_BYTES = 64 * 1024;
const LISTED_BY_DEFAULT = 20;

const creation = z.strictObject({
  input_file_id: z.string().min(1).max(200),
  endpoint: z.string().min(1).max(200),
  completion_window: z.string().min(1).max(20),
  metadata: z
    .record(z.string().min(1).max(64), z.string().max(512))
    .refine((all) => Object.keys(all).length <= 16, 'at most 16 entries')
    .nullish(),
  output_expires_after: z
    .strictObject({
      anchor: z.literal('created_at'),
      seconds: z.number().int().min(3600).max(2_592_000),
    })
    .nullish(),
});

export function serveBatches({ batches }: BatchesRoutesDeps): ServeBeside {
  return async (req, res, path) => {
    const tenant = principalOf(req).tenant.name;
    const [, id = '', rest] = /^\/([^/]+)(\/cancel)?$/.exec(path) ?? [];
    if (path === '') {
      res.json(await serveAll(req, res, { batches, tenant }));
      return;
    }
    if (id === '') throw new AppError('path_not_found', 'This path is not served here.');
    allow(req, res, [rest === undefined ? 'GET' : 'POST']);
    const find = rest === undefined ? batches.find(tenant, id) : batches.cancel(tenant, id);
    const batch = await find;
    if (batch === undefined) throw new AppError('batch_not_found', 'There is no such batch.');
    res.json(batchBody(batch));
  };
}

async function serveAll(
  req: Request,
  res: Response,
  { batches, tenant }: BatchesRoutesDeps & { readonly tenant: string },
): Promise<object> {
  allow(req, res, ['GET', 'POST']);
  if (req.method === 'GET') {
    const { entries, hasMore } = await batches.list(tenant, pagingOf(req.url, LISTED_BY_DEFAULT));
    return listBody({ entries: entries.map(batchBody), hasMore });
  }
  const body = parse(creation, await readJson(req, MAX_BODY_BYTES), 'body');
  const keepS = body.output_expires_after?.seconds;
  const batch = await batches.create(tenant, {
    inputFile: body.input_file_id,
    endpoint: body.endpoint,
    window: body.completion_window,
    metadata: body.metadata ?? undefined,
    keepMs: keepS === undefined ? undefined : keepS * 1000,
  });
  return batchBody(batch);
}

function batchBody(batch: Batch) {
  const { enteredAtMs: at, errors } = batch;
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    errors: errors.length === 0 ? null : errorList(errors),
    input_file_id: batch.inputFile,
    completion_window: batch.window,
    status: batch.state,
    output_file_id: batch.outputFile ?? null,
    error_file_id: batch.errorFile ?? null,
    created_at: seconds(batch.createdAtMs),
    in_progress_at: seconds(at.in_progress),
    expires_at: seconds(batch.expiresAtMs),
    finalizing_at: seconds(at.finalizing),
    completed_at: seconds(at.completed),
    failed_at: seconds(at.failed),
    expired_at: seconds(at.expired),
    cancelling_at: seconds(at.cancelling),
    cancelled_at: seconds(at.cancelled),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    metadata: batch.metadata ?? null,
  };
}

function errorList(errors: readonly LineError[]): object {
  return { object: 'list', data: errors };
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1000);
}
