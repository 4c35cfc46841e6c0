// The options of `log`: what is written. How a line looks is the logger's own.
import { z } from 'zod';

export const logSchema = z
  .strictObject({
    level: z.enum(['error', 'warn', 'info', 'debug']).default('info').meta({
      description: 'Least severe level that is written.',
      env: 'SLOTKEEPER_LOG_LEVEL',
    }),
  })
  .prefault({});
