// Turns what zod finds into the one refusal that a caller gets: every fault with its path.
import type { z } from 'zod';
import { AppError } from '../../core/errors.ts';

const MAX_FAULTS = 10;
const MAX_MESSAGE_LENGTH = 1000;

/** `value` as the schema understands it, or an AppError `invalid_params` that names each fault. */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: 'body' | 'path' | 'query',
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const faults = issues.slice(0, MAX_FAULTS).map((issue) => {
    return `${pathOf(issue) || where}: ${issue.message}`;
  });
  const message = `Invalid ${where}. ${faults.join('; ')}`;
  const param = issues[0] && pathOf(issues[0]);
  throw new AppError(
    'invalid_params',
    message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message,
    param ? { param } : {},
  );
}

function pathOf(issue: z.core.$ZodIssue): string {
  return issue.path.map(String).join('.');
}
