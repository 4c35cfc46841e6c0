// Values of options: checked by zod, refused in commander's way (one line, exit code of usage).
import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

/** A parser for commander's `option`; the schema's first complaint becomes the message. */
export function checkedBy<T>(schema: z.ZodType<T>): (text: string) => T {
  return (text) => {
    const result = schema.safeParse(text);
    if (result.success) return result.data;
    throw new InvalidArgumentError(result.error.issues[0]?.message ?? 'It is not valid.');
  };
}

/** An integer of at least `min`. */
export function integerFrom(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return checkedBy(z.coerce.number().int().min(min).max(max));
}

/** A share from 0 to 1. */
export const share = checkedBy(z.coerce.number().min(0).max(1));

/** Statuses with commas between them, such as 200,500. */
export const httpStatuses = checkedBy(
  z.preprocess(
    (text) => String(text).split(','),
    z.array(z.coerce.number().int().min(100).max(599)),
  ),
);
