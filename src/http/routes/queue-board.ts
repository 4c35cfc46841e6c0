// Bull Board over the queues of deferred jobs, to look at. It is loaded when somebody looks first, shows
// names and states and never what people have asked, and changes nothing: BullMQ's own ways to retry or
// remove a job know nothing of what deferral keeps of it.
import { Router, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Queue } from 'bullmq';
import { AppError } from '../../core/errors.ts';
import { requireAdminLogin, type AdminTokenOptions } from '../admin-auth.ts';
import { refuseMethod } from './json-body.ts';

export const BOARD_PATH = '/admin/queues';

export interface QueueBoardDeps extends AdminTokenOptions {
  readonly queues: readonly Queue[];
}

/** Routes below BOARD_PATH; browsers ask for the admin's token by themselves. */
export function createQueueBoard({ queues, ...auth }: QueueBoardDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  let opening: Promise<RequestHandler> | undefined;
  router.use(requireAdminLogin(auth), refuseWriting, PAGES);
  router.use((req, res, next) => {
    opening ??= openBoard(queues);
    opening.then((board) => void board(req, res, next)).catch(next);
  });
  return router;
}

/** A browser sends the login along with whatever pages of other sites make it ask. */
const refuseWriting: RequestHandler = (req, res, next) => {
  if (req.method === 'GET' || req.method === 'HEAD') next();
  else refuseMethod(['GET', 'HEAD'])(req, res, next);
};

/** Its page loads its own files, and fonts of another site are left out. */
const PAGES = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    baseUri: ["'self'"],
    connectSrc: ["'self'"],
    fontSrc: ["'self'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    imgSrc: ["'self'", 'data:'],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
  },
});

async function openBoard(queues: readonly Queue[]): Promise<RequestHandler> {
  const { createBullBoard, BullMQAdapter, ExpressAdapter } = await loadBoard();
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(BOARD_PATH);
  const adapters = queues.map((queue) => {
    const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
    // What a tenant has asked is for its upstream alone.
    for (const field of ['data', 'returnValue', 'progress'] as const) {
      adapter.setFormatter(field, () => ({}));
    }
    return adapter;
  });
  createBullBoard({
    queues: adapters,
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: 'Slotkeeper',
        hideDocsLink: true,
        // They would ask the server of everybody's connections and memory with each look.
        hideRedisDetails: true,
        showWorkers: false,
      },
    },
  });
  const board = serverAdapter.getRouter() as RequestHandler & { disable(setting: string): void };
  board.disable('x-powered-by');
  return board;
}

/** They are optional: an installation may leave them out. */
async function loadBoard() {
  try {
    const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = await Promise.all([
      import('@bull-board/api'),
      import('@bull-board/api/bullMQAdapter'),
      import('@bull-board/express'),
    ]);
    return { createBullBoard, BullMQAdapter, ExpressAdapter };
  } catch (cause) {
    const message = 'Bull Board is not installed: it is one of the optional dependencies.';
    throw new AppError('path_not_found', message, { cause });
  }
}
