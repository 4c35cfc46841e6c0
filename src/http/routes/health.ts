// Whether the process is up (/healthz) and whether it can serve (/readyz). Readiness runs the
// heart's script, not a PING: a store that answers PING can still be full, busy or of another
// schema. Reasons are codes; nothing of the store's own words goes out.
import { Router, type RequestHandler } from 'express';
import { asAppError } from '../../core/errors.ts';
import type { CostControl } from '../../costsim/service.ts';

export interface HealthDeps {
  readonly version: string;
  /** The built-in upstream of a demonstration; load runs look for it here. */
  readonly simulatorUrl?: string | undefined;
  /** Runs an empty tick; rejects when the store cannot serve. */
  readonly ping: () => Promise<void>;
  readonly isDraining: () => boolean;
  /** Absent where nothing is estimated. */
  readonly costControl?: Pick<CostControl, 'breaker'> | undefined;
}

/** Routes below /, open to everybody. */
export function createHealthRouter(deps: HealthDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.get(['/healthz', '/health'], showHealth(deps));
  router.get('/readyz', showReadiness(deps));
  return router;
}

function showHealth(deps: HealthDeps): RequestHandler {
  const { version, simulatorUrl: sim } = deps;
  return (_req, res) => {
    const uptimeSeconds = Math.floor(process.uptime());
    res.json({ status: 'ok', version, uptimeSeconds, sim, ...detailsOf(deps) });
  };
}

/** As the last tick knew it: health must be told without the store. */
function detailsOf({ costControl }: HealthDeps): object {
  if (costControl === undefined) return {};
  const { lastKnown } = costControl.breaker;
  return { costsim: { breaker: lastKnown, v2: lastKnown === 'open' ? 'disabled' : 'enabled' } };
}

function showReadiness(deps: HealthDeps): RequestHandler {
  const { ping, isDraining } = deps;
  return async (_req, res) => {
    res.setHeader('cache-control', 'no-store');
    if (isDraining()) {
      res.status(503).json({ status: 'draining', reason: 'shutting_down', ...detailsOf(deps) });
      return;
    }
    const reason = await failureOf(ping);
    const details = detailsOf(deps);
    if (reason === undefined) res.json({ status: 'ready', ...details });
    else res.status(503).json({ status: 'not_ready', reason, ...details });
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
