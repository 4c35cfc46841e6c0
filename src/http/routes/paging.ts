// Pages of lists as OpenAI's API asks for them and answers them.
import { z } from 'zod';
import type { Page, Paging } from '../../batches/file.ts';
import { parse } from './validation.ts';

/** Whoever asks for more at a time gets this many, and is told that there is more. */
const MOST = 1000;

export function pagingOf(url: string, byDefault: number): Paging & { readonly purpose?: string } {
  const query = Object.fromEntries(new URL(url, 'http://localhost').searchParams);
  const { limit, order, after, purpose } = parse(
    z.object({
      limit: z.coerce.number().int().min(1).max(10_000).default(byDefault),
      order: z.enum(['asc', 'desc']).default('desc'),
      after: z.string().max(200).optional(),
      purpose: z.string().max(100).optional(),
    }),
    query,
    'query',
  );
  return { limit: Math.min(limit, MOST), order, after, ...(purpose !== undefined && { purpose }) };
}

export function listBody<T extends { readonly id: string }>({ entries, hasMore }: Page<T>): object {
  const ends = { first_id: entries[0]?.id ?? null, last_id: entries.at(-1)?.id ?? null };
  return { object: 'list', data: entries, ...ends, has_more: hasMore };
}
