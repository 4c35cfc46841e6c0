// /v1/files as OpenAI's API has it: upload, list, look, content, delete. It knows the wire; what is
// kept, and within which bounds, is batches/files.ts's.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { StoredFile } from '../../batches/file.ts';
import type { Files } from '../../batches/files.ts';
import { receiveFile } from './file-upload.ts';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { principalOf } from '../../gateway/principal.ts';
import { listBody, pagingOf } from './paging.ts';
import type { ServeBeside } from './proxy.ts';

export interface FilesRoutesDeps {
  readonly files: Files;
  readonly config: Pick<Config, 'files' | 'batches' | 'server'>;
}

const LISTED_BY_DEFAULT = 1000;

export function serveFiles(deps: FilesRoutesDeps): ServeBeside {
  return async (req, res, path) => {
    const tenant = principalOf(req).tenant.name;
    const [, id = '', rest] = /^\/([^/]+)(\/content)?$/.exec(path) ?? [];
    if (path === '') await serveAll(req, res, { ...deps, tenant });
    else if (id === '') throw new AppError('path_not_found', 'This path is not served here.');
    else if (rest === undefined) await serveOne(req, res, { ...deps, tenant, id });
    else await sendContent(req, res, { ...deps, tenant, id });
  };
}

interface Ask extends FilesRoutesDeps {
  readonly tenant: string;
}

async function serveAll(req: Request, res: Response, ask: Ask): Promise<void> {
  const { files, tenant } = ask;
  if (req.method === 'POST') {
    res.json(fileBody(await receiveFile(req, ask)));
    return;
  }
  allow(req, res, ['GET', 'POST']);
  const { purpose, ...paging } = pagingOf(req.url, LISTED_BY_DEFAULT);
  const { entries, hasMore } = await files.list(tenant, paging);
  const wanted = entries.filter((file) => purpose === undefined || file.purpose === purpose);
  res.json(listBody({ entries: wanted.map(fileBody), hasMore }));
}

async function serveOne(
  req: Request,
  res: Response,
  { files, tenant, id }: Ask & { readonly id: string },
): Promise<void> {
  if (req.method === 'DELETE') {
    const result = await files.drop(tenant, id);
    if (result === 'gone') throw notFound();
    if (result === 'held') {
      throw new AppError('file_in_use', 'A batch reads this file: cancel it, or let it end first.');
    }
    res.json({ id, object: 'file', deleted: true });
    return;
  }
  allow(req, res, ['GET', 'DELETE']);
  const file = await files.find(tenant, id);
  if (file === undefined) throw notFound();
  res.json(fileBody(file));
}

async function sendContent(
  req: Request,
  res: Response,
  { files, config, tenant, id }: Ask & { readonly id: string },
): Promise<void> {
  allow(req, res, ['GET']);
  const file = await files.find(tenant, id);
  if (file === undefined) throw notFound();
  res.setHeader('content-type', 'application/octet-stream');
  res.setHeader('content-length', file.bytes);
  res.setTimeout(config.server.writeIdleTimeoutMs, () => res.destroy());
  try {
    await pipeline(Readable.from(files.read(file)), res);
  } catch (cause) {
    // It is told by the bytes that are missing: the length was promised.
    throw new AppError('client_closed', 'The content was cut off.', { cause });
  }
}

export function fileBody(file: StoredFile) {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: Math.floor(file.createdAtMs / 1000),
    expires_at: Math.floor(file.expiresAtMs / 1000),
    filename: file.name,
    purpose: file.purpose,
    status: 'processed',
  };
}

/** Throws for every other method. */
export function allow(req: Request, res: Response, methods: readonly string[]): void {
  if (methods.includes(req.method)) return;
  res.setHeader('allow', methods.join(', '));
  throw new AppError('method_not_allowed', `Use ${methods.join(' or ')} here.`);
}

function notFound(): AppError {
  return new AppError('file_not_found', 'There is no such file.');
}
