// Whether the process is up (/healthz) and whether it can serve (/readyz). Readiness runs the
// heart's script, not a PING: a store that answers PING can still be full, busy or of another
// schema. Reasons are codes; nothing of the store's own words goes out.
import { Router, type RequestHandler } from 'express';
import { asAppError } from '../../core/errors.ts';

export interface HealthDeps {
  readonly version: string;
  /** The built-in upstream of a demonstration; load runs look for it here. */
  readonly simulatorUrl?: string | undefined;
  /** Runs an empty tick; rejects when the store cannot serve. */
  readonly ping: () => Promise<void>;
  readonly isDraining: () => boolean;
}

/** Routes below /, open to everybody. */
export function createHealthRouter(deps: HealthDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.get(['/healthz', '/health'], showHealth(deps));
  router.get('/readyz', showReadiness(deps));
  return router;
}

function showHealth({ version, simulatorUrl: sim }: HealthDeps): RequestHandler {
  return (_req, res) => {
    res.json({ status: 'ok', version, uptimeSeconds: Math.floor(process.uptime()), sim });
  };
}

function showReadiness({ ping, isDraining }: HealthDeps): RequestHandler {
  return async (_req, res) => {
    res.setHeader('cache-control', 'no-store');
    if (isDraining()) {
      res.status(503).json({ status: 'draining', reason: 'shutting_down' });
      return;
    }
    const reason = await failureOf(ping);
    if (reason === undefined) res.json({ status: 'ready' });
    else res.status(503).json({ status: 'not_ready', reason });
  };
}

async function failureOf(ping: () => Promise<void>): Promise<string | undefined> {
  try {
    await ping();
    return undefined;
  } catch (error) {
    return asAppError(error).code;
  }
}
