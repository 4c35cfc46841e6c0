// The options of `estimates`: which estimator reserves, whether both run, and what `v2` learns. With
// their defaults and sentences; what the estimators do is in costs/.
import { z } from 'zod';
import { ESTIMATORS } from '../core/estimates.ts';

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

export const estimatesSchema = z
  .strictObject({
    estimator: z
      .enum(ESTIMATORS)
      .default('v1')
      .meta({
        description:
          'Which estimator reserves: `v1` (characters / 4 and the limit of the answer) or `v2` (a ' +
          'tokenizer and learned lengths). A rollout of `estimator` (`what: estimator`) goes before it.',
        env: 'SLOTKEEPER_ESTIMATOR',
      }),
    trial: z.boolean().default(false).meta({
      description: 'Whether both estimators run while `v1` reserves, so that they can be compared.',
    }),
    tokenizerWaitMs: whole(0, 10_000)
      .default(50)
      .meta({
        description:
          'How long in ms a request that `v2` reserves for waits for the tokenizer; then its tokens ' +
          'are guessed by the kind of its script.',
      }),
    tokenizerQueueBytes: whole(1024, 1_073_741_824)
      .default(32 * 1024 * 1024)
      .meta({
        description:
          'Bytes of bodies that may wait for the tokenizer; beyond it tokens are guessed.',
      }),
    exactCharacters: whole(1000, 10_000_000).default(200_000).meta({
      description: 'Characters of a request that are counted exactly; the rest by their share.',
    }),
    outputQuantile: z.coerce.number().min(0.05).max(0.99).default(0.5).meta({
      description:
        'Which of the learned lengths of answers is expected: 0.5 drifts least, more reserves more.',
    }),
    halfLifeMs: whole(1000, 2_592_000_000).default(3_600_000).meta({
      description: 'Time in ms after which what was learned counts half.',
    }),
    minSamples: z.coerce.number().min(1).max(1000).default(10).meta({
      description: 'Answers, as far as they still count, from which a length is learned.',
    }),
    maxLearned: whole(10, 1_000_000)
      .default(10_000)
      .meta({
        description:
          'Lengths that are kept, by tenant, route and model; beyond it the longest unused are ' +
          'forgotten.',
      }),
  })
  .prefault({});

export type EstimatesConfig = Readonly<z.output<typeof estimatesSchema>>;
