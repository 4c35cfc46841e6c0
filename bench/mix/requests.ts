// A mix of requests as a small company sends them: chats in ten languages, code, tools, extraction,
// questions over long documents. Made of texts.ts by one seed, so every run measures the same; the
// lengths of answers are drawn per route, as measured answers are spread: around a median, in
// factors.
import { seededRandom, type Random } from '../../src/sim/random.ts';
import { CODE, LANGUAGES, TOOLS, type Language } from './texts.ts';

export interface MixedRequest {
  readonly tenant: string;
  readonly route: string;
  readonly body: Readonly<Record<string, unknown>> & { readonly model: string };
  /** Words of the answer. */
  readonly answerWords: number;
}

interface Kind {
  readonly route: string;
  readonly model: string;
  /** Of all requests. */
  readonly share: number;
  readonly medianWords: number;
  /** Of the logarithm of a length. */
  readonly spread: number;
  readonly body: (random: Random) => Readonly<Record<string, unknown>>;
}

const LANGUAGE_NAMES = Object.keys(LANGUAGES) as Language[];
/** Who writes more gets longer answers. */
const TENANTS = [
  { tenant: 'support', factor: 0.7 },
  { tenant: 'research', factor: 1.5 },
  { tenant: 'shop', factor: 1 },
] as const;

const KINDS: readonly Kind[] = [
  { route: 'chat', model: 'gpt-4o', share: 0.34, medianWords: 160, spread: 0.4, body: chat },
  { route: 'code', model: 'gpt-4', share: 0.16, medianWords: 300, spread: 0.45, body: code },
  { route: 'agent', model: 'gpt-4o', share: 0.2, medianWords: 45, spread: 0.4, body: agent },
  {
    route: 'extract',
    model: 'gpt-4o-mini',
    share: 0.14,
    medianWords: 70,
    spread: 0.2,
    body: extract,
  },
  {
    route: 'documents',
    model: 'gpt-4o',
    share: 0.16,
    medianWords: 130,
    spread: 0.3,
    body: documents,
  },
];

export function mixedRequests(count: number, seed: number): readonly MixedRequest[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const kind = drawKind(random);
    const { tenant, factor } = pick(random, TENANTS);
    const { route, model, medianWords, spread } = kind;
    const words = Math.round(medianWords * factor * Math.exp(spread * normal(random)));
    const body = { model, ...kind.body(random) };
    return { tenant, route, body, answerWords: Math.min(2000, Math.max(1, words)) };
  });
}

function drawKind(random: Random): Kind {
  let left = random();
  return KINDS.find(({ share }) => (left -= share) < 0) ?? KINDS[0]!;
}

/** Some turns of a conversation in one language. */
function chat(random: Random) {
  const language = pick(random, LANGUAGE_NAMES);
  const turns = 1 + 2 * Math.floor(random() * 4);
  const messages = Array.from({ length: turns }, (_, turn) => {
    const role = turn % 2 === 0 ? 'user' : 'assistant';
    return { role, content: prose(random, language, turn % 2 === 0 ? 2 : 5) };
  });
  const system = { role: 'system', content: prose(random, 'english', 2) };
  // Some clients set a limit, most of them a generous one.
  const limit = random() < 0.3 ? { max_tokens: pick(random, [500, 1000, 4096]) } : {};
  return { messages: [system, ...messages], ...limit };
}

function code(random: Random) {
  const files = Array.from({ length: 1 + Math.floor(random() * 8) }, () => pick(random, CODE));
  const content = `${prose(random, 'english', 1)}\n\n\`\`\`\n${files.join('\n')}\`\`\``;
  return { messages: [{ role: 'user', content }] };
}

function agent(random: Random) {
  const called = { name: 'search_orders', arguments: '{"status":"open","limit":5}' };
  const steps = Array.from({ length: Math.floor(random() * 5) }, (_, step) => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: `call_${step}`, type: 'function', function: called }],
    },
    { role: 'tool', tool_call_id: `call_${step}`, content: CODE[4].repeat(1 + step) },
  ]);
  const user = { role: 'user', content: prose(random, pick(random, LANGUAGE_NAMES), 1) };
  const system = { role: 'system', content: prose(random, 'english', 6) };
  return { messages: [system, user, ...steps.flat()], tools: TOOLS, max_tokens: 1024 };
}

function extract(random: Random) {
  const properties = {
    name: { type: 'string' },
    total: { type: 'number' },
    due: { type: 'string' },
  };
  const schema = { type: 'object', properties, required: Object.keys(properties) };
  const text = prose(random, pick(random, LANGUAGE_NAMES), 4 + Math.floor(random() * 12));
  return {
    messages: [{ role: 'user', content: `Extract the fields as JSON.\n\n${text}\n${CODE[4]}` }],
    response_format: { type: 'json_schema', json_schema: { name: 'invoice', schema } },
  };
}

/** A question over one of a few long documents, which stand first: their tokens are cached. */
function documents(random: Random) {
  const language = pick(random, ['english', 'german', 'russian', 'chinese'] as const);
  const own = seededRandom(language.length);
  const document = prose(own, language, 60 + Math.floor(own() * 120));
  const question = prose(random, language, 1);
  const messages = [
    { role: 'system', content: `Answer from this document only.\n\n${document}` },
    { role: 'user', content: question },
  ];
  return { messages, max_tokens: 600 };
}

function prose(random: Random, language: Language, sentences: number): string {
  const texts: readonly string[] = LANGUAGES[language];
  return Array.from({ length: sentences }, () => pick(random, texts)).join(' ');
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

/** Box and Muller: two even draws make a normal one. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
