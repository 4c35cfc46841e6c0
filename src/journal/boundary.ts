// What a model is asked about a buffer, and what its answer means: after which messages a cell ends, or
// that nothing is cut. It asks nobody and moves nothing.
import { z } from 'zod';
import type { JournalConfig } from '../config/journal-schema.ts';
import { textOf, type PlacedMessage } from './message.ts';
import type { Episode } from './records.ts';

/** Why an answer is none. */
export const INVALID_ANSWERS = [
  'no_json',
  'no_boundaries',
  'not_integer',
  'not_positive',
  'unordered',
] as const;
export type InvalidAnswer = (typeof INVALID_ANSWERS)[number];

export type Verdict =
  | {
      readonly kind: 'cut';
      /** Ascending numbers of messages, from 1: after each of them a cell ends. */
      readonly ends: readonly number[];
      readonly reasoning: string;
      /** As many as `ends`, or none. */
      readonly episodes: readonly Episode[];
    }
  | { readonly kind: 'hold'; readonly reasoning: string }
  | { readonly kind: 'invalid'; readonly why: InvalidAnswer };

/** What is kept of a model's words, in characters. */
const MOST_REASONING = 2000;
const MOST_TITLE = 200;
const MOST_CONTENT = 8000;

const completion = z.object({
  choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })]).rest(z.unknown()),
});
const answer = z.object({
  reasoning: z.string().catch(''),
  boundaries: z.array(z.unknown()),
  should_wait: z.boolean().catch(false),
  episodes: z.array(z.object({ title: z.string(), content: z.string() })).catch([]),
});

/** Each a run of its own: an expression that looks around them takes the square of a long text's time. */
const LINE_BREAKS = /[\n\v\f\r\u0085\u2028\u2029]+/g;

/** The body of the chat request that shows `messages`, numbered from 1. */
export function questionOf(
  messages: readonly PlacedMessage[],
  {
    route,
    temperature,
    maxOutputTokens,
    prompt,
    episodes,
    episodesPrompt,
  }: JournalConfig['boundary'],
): string {
  const system = episodes ? `${prompt}\n${episodesPrompt}` : prompt;
  const lines = messages.map(({ message }, i) => {
    const { timestamp, role, sender_id: sender } = message;
    // One line each: a text that looks like the next number must not be taken for it.
    const text = `[${timeOf(timestamp)}] ${role} ${sender}: ${textOf(message)}`;
    return `${i + 1}. ${text.replace(LINE_BREAKS, ' ')}`;
  });
  return JSON.stringify({
    model: route,
    temperature,
    max_completion_tokens: maxOutputTokens,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: lines.join('\n') },
    ],
  });
}

function timeOf(timestamp: number | string): string {
  return typeof timestamp === 'number' ? new Date(timestamp).toISOString() : timestamp;
}

/** Of a chat completion about `count` messages. A boundary beyond the last of them is that one. */
export function verdictOf(body: string, count: number): Verdict {
  const told = answerIn(body);
  if (told === undefined) return { kind: 'invalid', why: 'no_json' };
  const parsed = answer.safeParse(told);
  if (!parsed.success) return { kind: 'invalid', why: 'no_boundaries' };
  const { boundaries, should_wait: shouldWait } = parsed.data;
  const reasoning = parsed.data.reasoning.slice(0, MOST_REASONING);
  const why = faultOf(boundaries);
  if (why !== undefined) return { kind: 'invalid', why };
  if (shouldWait || boundaries.length === 0) return { kind: 'hold', reasoning };
  const ends = [...new Set(boundaries.map((end) => Math.min(Number(end), count)))];
  const episodes = parsed.data.episodes.map(({ title, content }) => ({
    title: title.slice(0, MOST_TITLE),
    content: content.slice(0, MOST_CONTENT),
  }));
  return {
    kind: 'cut',
    ends,
    reasoning,
    episodes: episodes.length === ends.length ? episodes : [],
  };
}

function faultOf(boundaries: readonly unknown[]): InvalidAnswer | undefined {
  let last = 0;
  for (const end of boundaries) {
    if (typeof end !== 'number' || !Number.isSafeInteger(end)) return 'not_integer';
    if (end < 1) return 'not_positive';
    if (end <= last) return 'unordered';
    last = end;
  }
  return undefined;
}

/** The JSON object that the model has written, alone or among other words. */
function answerIn(body: string): unknown {
  const whole = completion.safeParse(parse(body));
  if (!whole.success) return undefined;
  const text = whole.data.choices[0].message.content;
  return parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
