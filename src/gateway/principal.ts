// Whose a request is. Authentication writes it down, once; whoever decides by it reads it here.
import { AppError } from '../core/errors.ts';
import type { Principal } from '../tenants/tenant.ts';

const PRINCIPAL = Symbol('principal');

type Identified = object & { [PRINCIPAL]?: Principal };

/** For authentication alone, and for work that was authenticated before. */
export function identify(req: Identified, principal: Principal): void {
  req[PRINCIPAL] = principal;
}

/** Throws where no authentication stands before the route: a defect, and nobody's request. */
export function principalOf(req: Identified): Principal {
  const principal = req[PRINCIPAL];
  if (principal !== undefined) return principal;
  throw new AppError('internal', 'The request was not authenticated.');
}
