// The options of `journal`: whether messages of sessions are kept, how many and for how long, and what
// a model is asked before some of them become a cell. It is off by default, because it stores content.
import { z } from 'zod';

const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const ms = count;

const PROMPT = `You divide a conversation into episodes. You get its messages, one a line, numbered from 1.
A boundary is the number of the last message of an episode that is over: the subject has changed, a
task is done, or much time has passed before the next message. Messages after the last boundary are
an episode that goes on. Answer with JSON alone:
{"reasoning": "one sentence", "boundaries": [numbers, ascending], "should_wait": true or false}
Give [] where nothing is over. Say should_wait where more messages are needed to tell.`;

const EPISODES = `Add "episodes": one {"title", "content"} for each boundary, in order; the content tells in a few
sentences what happened in it.`;

const boundary = z
  .strictObject({
    route: z.string().min(1).max(200).optional().meta({
      description:
        'Model alias that is asked where a cell ends, as a request of the session’s tenant. Without one, cells are made by `flush` alone.',
    }),
    temperature: z.coerce.number().min(0).max(2).default(0).meta({
      description: 'Temperature of that request.',
    }),
    maxOutputTokens: count(16, 100_000).default(1000).meta({
      description: 'Longest answer in tokens (`max_completion_tokens`).',
    }),
    prompt: z.string().min(1).max(20_000).default(PROMPT).meta({
      description: 'What the model is told before the numbered messages.',
    }),
    episodes: z.boolean().default(false).meta({
      description: 'Whether it is also asked for a title and a summary of each cell.',
    }),
    episodesPrompt: z.string().min(1).max(20_000).default(EPISODES).meta({
      description: 'What it is told then, behind the prompt.',
    }),
    minMessages: count(1, 10_000).default(8).meta({
      description: 'Messages that must be buffered before it is asked.',
    }),
    everyMessages: count(1, 10_000).default(4).meta({
      description: 'Messages that must have come since it was asked last.',
    }),
    forceMessages: count(1, 10_000).default(100).meta({
      description: 'So many messages become a cell even where the model would wait.',
    }),
    mostMessages: count(1, 2000).default(200).meta({
      description: 'Messages that one question shows at most, the oldest first.',
    }),
    timeoutMs: ms(100, 3_600_000).default(120_000).meta({
      description: 'Time in ms for its answer, waiting for a slot included.',
    }),
  })
  .prefault({});

export const journalSchema = z
  .strictObject({
    enabled: z.boolean().default(false).meta({
      description: 'Whether messages of sessions are kept. It stores what people write.',
    }),
    boundary,
    retentionMs: ms(1000, 31_536_000_000).default(2_592_000_000).meta({
      description: 'How long in ms a session is kept after its last change.',
    }),
    maxMessageBytes: count(100, 1_000_000).default(32_768).meta({
      description: 'Longest message in bytes, as JSON.',
    }),
    maxAppend: count(1, 1000).default(100).meta({
      description: 'Messages of one call at most.',
    }),
    maxBuffered: count(1, 5000).default(1000).meta({
      description:
        'Messages that a buffer holds at most; beyond it appends get 429 `journal_full`.',
    }),
    maxMessages: count(1, 100_000).default(10_000).meta({
      description:
        'Messages that a session holds at most, cells included; beyond it appends get 409 `journal_exhausted`.',
    }),
    historyMessages: count(1, 1000).default(50).meta({
      description:
        'Latest messages that `x-slotkeeper-history: on` puts before a chat request’s own.',
    }),
    concurrency: count(1, 256).default(16).meta({
      description: 'Cuts of different sessions that a daemon has under way at once.',
    }),
    lookMs: ms(50, 600_000).default(5000).meta({
      description:
        'Interval in ms in which a daemon looks for cuts that are due: retries, and those of daemons that died.',
    }),
    retryMs: ms(10, 86_400_000).default(30_000).meta({
      description: 'First pause in ms after a model could not be asked; it doubles.',
    }),
    retryMaxMs: ms(10, 86_400_000).default(1_800_000).meta({
      description: 'Longest such pause in ms.',
    }),
  })
  .prefault({})
  .refine(({ retryMs, retryMaxMs }) => retryMs <= retryMaxMs, {
    message: 'retryMs must not exceed retryMaxMs',
    path: ['retryMs'],
  })
  .refine(({ boundary: { minMessages }, maxBuffered }) => minMessages <= maxBuffered, {
    message: 'minMessages must not exceed maxBuffered',
    path: ['boundary', 'minMessages'],
  });

export type JournalConfig = Readonly<z.infer<typeof journalSchema>>;
