// The options of `leader`: for how long whoever leads the cell is trusted without a word. What a
// leader does is said where it is configured.
import { z } from 'zod';

export const leaderSchema = z
  .strictObject({
    lifeMs: z.coerce
      .number()
      .int()
      .min(500)
      .max(600_000)
      .default(15_000)
      .meta({
        description:
          'Life in ms of the leader’s lease, the same for all daemons of a cell: when a leader dies, ' +
          'the next one leads after it. Each daemon asks once in a fifth of it.',
        env: 'SLOTKEEPER_LEADER_LIFE_MS',
      }),
  })
  .prefault({});
