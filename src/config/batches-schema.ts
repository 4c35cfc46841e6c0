// The options of `files` and `batches`: how much of them the store keeps, and for how long. They
// work where `deferral` is enabled: the lines of a batch wait in its queues.
import { z } from 'zod';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

export const filesSchema = z
  .strictObject({
    maxBytes: count(1024, 512 * MIB)
      .default(100 * MIB)
      .meta({
        description: 'Largest file in bytes. Files are kept in Redis: its memory bounds them all.',
        env: 'SLOTKEEPER_FILES_MAX_BYTES',
      }),
    maxTenantBytes: count(1024, Number.MAX_SAFE_INTEGER)
      .default(512 * MIB)
      .meta({
        description:
          'Bytes that the files of a tenant may have together. Results are written beyond it, too.',
        env: 'SLOTKEEPER_FILES_MAX_TENANT_BYTES',
      }),
    maxPerTenant: count(1, 100_000).default(1000).meta({
      description: 'Files that a tenant may have. Results are written beyond it, too.',
      env: 'SLOTKEEPER_FILES_MAX_PER_TENANT',
    }),
    retentionMs: ms(1000, 365 * DAY_MS)
      .default(30 * DAY_MS)
      .meta({
        description: 'How long in ms a file is kept, unless it says that it expires sooner.',
        env: 'SLOTKEEPER_FILES_RETENTION_MS',
      }),
  })
  .prefault({});

export const batchesSchema = z
  .strictObject({
    maxLines: count(1, 200_000).default(50_000).meta({
      description: 'Requests that one batch may have.',
      env: 'SLOTKEEPER_BATCHES_MAX_LINES',
    }),
    maxLineBytes: count(1024, 16 * MIB)
      .default(MIB)
      .meta({
        description: 'Longest line of an uploaded file in bytes.',
        env: 'SLOTKEEPER_BATCHES_MAX_LINE_BYTES',
      }),
    maxOpen: count(1, 10_000).default(20).meta({
      description: 'Batches of a tenant that have not ended; beyond it creating one gets 429.',
      env: 'SLOTKEEPER_BATCHES_MAX_OPEN',
    }),
    ahead: count(10, 100_000).default(2000).meta({
      description:
        'Requests of one batch that are in the queue at once; the others follow as these end.',
      env: 'SLOTKEEPER_BATCHES_AHEAD',
    }),
    maxWindowMs: ms(60_000, 30 * DAY_MS)
      .default(7 * DAY_MS)
      .meta({
        description: 'Longest `completion_window` in ms that a batch may ask for.',
        env: 'SLOTKEEPER_BATCHES_MAX_WINDOW_MS',
      }),
    cancelGraceMs: ms(0, DAY_MS).default(600_000).meta({
      description: 'How long in ms requests that run when their batch is cancelled may go on.',
      env: 'SLOTKEEPER_BATCHES_CANCEL_GRACE_MS',
    }),
    lookMs: ms(50, 600_000).default(2000).meta({
      description:
        'Interval in ms in which a daemon looks for batches that another one has left behind.',
      env: 'SLOTKEEPER_BATCHES_LOOK_MS',
    }),
    retentionMs: ms(1000, 365 * DAY_MS)
      .default(30 * DAY_MS)
      .meta({
        description: 'How long in ms a batch is listed after its end.',
        env: 'SLOTKEEPER_BATCHES_RETENTION_MS',
      }),
  })
  .prefault({});

export type FilesConfig = Readonly<z.infer<typeof filesSchema>>;
export type BatchesConfig = Readonly<z.infer<typeof batchesSchema>>;
