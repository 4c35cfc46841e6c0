// The application: which request goes where, and what stands before it. Order is the point here;
// the work is in routes/ and in the gateway. Nothing sets cookies or CORS headers.
import express, {
  type ErrorRequestHandler,
  type Express,
  type RequestHandler,
  type Router,
} from 'express';
import helmet, { type HelmetOptions } from 'helmet';
import { isLoopback } from '../config/crosscheck.ts';
import type { ReloadResult } from '../config/reloading.ts';
import type { Config } from '../config/schema.ts';
import { AppError } from '../core/errors.ts';
import type { CostControl } from '../costsim/service.ts';
import type { Deferral } from '../deferral/service.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/registry.ts';
import type { Insight } from '../scheduler/insight.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { Tenants } from '../tenants/service.ts';
import { refuseOtherOrigins, requireApiKey, requireOperator } from './auth.ts';
import { sendError } from './errors.ts';
import { isProxied, observeUnproxied, reportEnd, type PlainRequest } from './observe.ts';
import { isStrangePath, requestFault } from './request-faults.ts';
import { createAdminRouter, type AdminRouterDeps } from './routes/admin.ts';
import { createCostsimRouter } from './routes/costsim.ts';
import { createCanaryRouter, type CanaryRouterDeps } from './routes/canary.ts';
import { createDeferredRouter } from './routes/deferred.ts';
import { createHealthRouter } from './routes/health.ts';
import { serveMetrics } from './routes/metrics.ts';
import { serveOpenApi } from './routes/openapi.ts';
import { BOARD_PATH, createQueueBoard } from './routes/queue-board.ts';
import { createSchedulerRouter, type SchedulerRouterDeps } from './routes/scheduler.ts';
import { createSessionRouter, isSessionPath, type SessionRouterDeps } from './routes/sessions.ts';

export interface AppDeps {
  readonly config: Config;
  readonly version: string;
  readonly scheduler: SchedulerRouterDeps['scheduler'] & Pick<Scheduler, 'ping' | 'resetHealth'>;
  /** Absent where nothing can be switched or rolled out. */
  readonly rollout?: AdminRouterDeps['rollout'];
  /** Absent where nothing is estimated. */
  readonly costControl?: CostControl | undefined;
  /** Absent where no estimator is watched. */
  readonly canary?: CanaryRouterDeps['canary'] | undefined;
  /** Absent where nobody is told of alerts. */
  readonly outbox?: AdminRouterDeps['outbox'];
  /** Absent where nothing is deferred. */
  readonly deferral?: Deferral | undefined;
  readonly tenants: Tenants;
  readonly insight: Insight;
  /** Absent where messages of sessions are not kept. */
  readonly journal?: SessionRouterDeps['journal'];
  /** Everything else below /v1. */
  readonly proxy: RequestHandler;
  readonly metrics: Metrics;
  readonly collect: () => Promise<void>;
  readonly logger: Logger;
  readonly simulatorUrl?: string | undefined;
  /** Told of every request that the gateway does not tell of by itself. */
  readonly onFinished: (request: PlainRequest) => void;
  readonly isDraining: () => boolean;
  /** Reads the configuration again; absent where there is none to read. */
  readonly reload?: (() => Promise<ReloadResult>) | undefined;
}

export function createApp(deps: AppDeps): Express {
  const { server } = deps.config;
  const { directory } = deps.tenants;
  const guard = requireApiKey({ directory });
  const app = express();
  setUp(app);

  const refuseOthers = refuseOtherOrigins({ needsKey: () => directory.needsKey });
  app.use(inOneLayer(observeUnproxied(deps.onFinished), refuseStrangePaths, refuseOthers));
  app.use('/v1', inOneLayer(guard, ...deferredRoutes(deps), besideSessions(deps)));
  // Behind the proxy: its answers are an upstream's and its path is the hot one.
  app.use(helmet(HEADERS));
  app.use(createHealthRouter({ ...deps, ping: () => deps.scheduler.ping() }));
  app.use('/scheduler', guard, schedulerRoutes(deps));
  const { deferral } = deps;
  if (deferral !== undefined) app.use(BOARD_PATH, queueBoard(deferral, deps));
  app.use('/admin', createAdminRouter(deps));
  const { costControl, canary, config } = deps;
  if (canary !== undefined) app.use('/costsim/canary', createCanaryRouter({ canary, config }));
  if (costControl !== undefined) {
    app.use('/costsim', createCostsimRouter({ config, costControl }));
  }
  const operators = requireOperator(() => deps.config.admin.token, { directory });
  app.get('/metrics', isLoopback(server.host) ? [] : [operators], serveMetrics(deps));
  app.use(refuseUnknownPath);
  app.use(answerError(deps));
  return app;
}

const HEADERS: HelmetOptions = {
  // Nothing here is a page.
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  // Whether this host name is reached by TLS alone is for the proxy that ends TLS to promise.
  strictTransportSecurity: false,
};

function setUp(app: Express): void {
  app.disable('x-powered-by');
  app.disable('etag');
  app.disable('trust proxy');
  app.set('query parser', 'simple');
  app.enable('case sensitive routing');
  app.enable('strict routing');
}

function deferredRoutes({ deferral, onFinished }: AppDeps): readonly RequestHandler[] {
  return deferral === undefined ? [] : [createDeferredRouter({ deferral, onFinished })];
}

function queueBoard({ queues }: Pick<Deferral, 'queues'>, { config }: AppDeps): Router {
  return createQueueBoard({ queues, token: () => config.admin.token });
}

function schedulerRoutes(deps: AppDeps): Router {
  const { config, scheduler, version } = deps;
  const router = createSchedulerRouter({ config, scheduler });
  const { maxLeaseMs } = config.scheduler;
  router.get('/openapi.json', serveOpenApi({ version, maxLeaseMs }));
  return router;
}

/** No layer of their own: requests of the proxy would pass it, too. */
function besideSessions({ journal, config, proxy }: AppDeps): RequestHandler {
  const sessions = createSessionRouter({ journal, config });
  return (req, res, next) => {
    if (isSessionPath(req.url)) sessions(req, res, next);
    else void proxy(req, res, next);
  };
}

/**
 * One after the other, until one refuses. For the hot path: a layer costs more than what is in it.
 * For handlers that return no promise: nobody would hear it reject.
 */
function inOneLayer(...handlers: readonly RequestHandler[]): RequestHandler {
  return handlers.reduceRight((later, handler) => (req, res, next) => {
    const go = (error?: unknown): unknown =>
      error === undefined ? later(req, res, next) : next(error);
    return handler(req, res, go);
  });
}

const refuseStrangePaths: RequestHandler = (req, _res, next) => {
  if (isStrangePath(req.url)) next(new AppError('invalid_request', 'The path is malformed.'));
  else next();
};

const refuseUnknownPath: RequestHandler = (_req, _res, next) => {
  next(new AppError('path_not_found', 'There is nothing at this path.'));
};

function answerError({ logger, onFinished }: AppDeps): ErrorRequestHandler {
  // Express tells error handlers from others by their four parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  return (thrown: unknown, req, res, _next) => {
    const error = requestFault(thrown);
    if (error.code === 'internal') logger.error('a request failed unexpectedly', { error: thrown });
    // Refused on its way to the gateway, which will therefore not tell of it.
    if (isProxied(req.originalUrl)) reportEnd(req, res, onFinished);
    sendError(req, res, error);
  };
}
