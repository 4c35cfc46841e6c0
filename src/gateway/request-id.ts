// The id under which a request appears in its answer, in logs and in traces. It correlates and
// nothing else: no slot, charge or cache is ever named by it.
import type { IncomingMessage } from 'node:http';
import { nanoid } from 'nanoid';
import { isRequestId } from '../core/domain.ts';

const ID = Symbol('request id');

/** The client's x-request-id if it is 1 to 128 printable characters, else a fresh one. */
export function requestIdOf(
  req: Pick<IncomingMessage, 'headers'> & { [ID]?: string | undefined },
): string {
  const known = req[ID];
  if (known !== undefined) return known;
  const header = req.headers['x-request-id'];
  return (req[ID] = isRequestId(header) ? header : nanoid());
}
