// Refuses fields of a request's body that break the rules of core/body-fields.ts: those that would
// move the destination or its credential, and second spellings of the fields that we decide by (an
// upstream that reads keys in any case would decide otherwise than we did).
import { fieldFault, nameFault } from '../core/body-fields.ts';
import { AppError } from '../core/errors.ts';

/** Throws `invalid_params` naming the field. Numbers of forms come as text. */
export function checkField(name: string, value: unknown): void {
  const fault = fieldFault(name, value);
  if (fault !== undefined) throw invalid(name, fault);
}

/** For fields whose value does not matter, such as files. */
export function checkName(name: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) throw invalid(name, fault);
}

function invalid(name: string, message: string): AppError {
  return new AppError('invalid_params', message, { param: name.slice(0, 100) });
}
