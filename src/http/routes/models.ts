// GET /models and /models/{id}: the model aliases of the configuration, in a shape that clients of
// OpenAI and of Anthropic both read. It asks no upstream.
import type { RouteConfig } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';

export interface ModelBody {
  readonly id: string;
  readonly object: 'model';
  /** Unix time in seconds. */
  readonly created: number;
  readonly owned_by: string;
  readonly type: 'model';
  readonly display_name: string;
  readonly created_at: string;
}

type Routes = ReadonlyMap<string, RouteConfig>;

export function listModels(routes: Routes, sinceMs: number): object {
  const data = [...routes.keys()].map((id) => modelBody(id, sinceMs));
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { object: 'list', data, has_more: false, ...ends };
}

/** `id` as it stands in the path. Throws `model_not_found` or, for broken escapes, `invalid_request`. */
export function describeModel(routes: Routes, id: string, sinceMs: number): ModelBody {
  const alias = decode(id);
  if (!routes.has(alias)) {
    throw new AppError('model_not_found', 'No such model is configured.', { param: 'model' });
  }
  return modelBody(alias, sinceMs);
}

function decode(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    throw new AppError('invalid_request', 'The path has a broken escape.');
  }
}

function modelBody(id: string, sinceMs: number): ModelBody {
  return {
    id,
    object: 'model',
    created: Math.floor(sinceMs / 1000),
    owned_by: 'slotkeeper',
    type: 'model',
    display_name: id,
    created_at: new Date(sinceMs).toISOString(),
  };
}
