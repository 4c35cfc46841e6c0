// What the simulated upstream bills: cheaply, four bytes a token, or as a real one does, by a
// tokenizer, with repeated prefixes cached. It counts by itself and shares nothing with the product's
// estimators: it is what they are measured against.
import { createHash } from 'node:crypto';
import type * as Encoding from 'gpt-tokenizer/encoding/o200k_base';
import type * as Calling from 'gpt-tokenizer/functionCalling';
import type { Call, Fields } from './call.ts';

export interface Bill {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** A part of the prompt. */
  readonly cachedTokens: number;
}

type Tokenizer = typeof Encoding;
type Chat = typeof Calling;
type Message = Parameters<Chat['countMessageTokens']>[0];
type Definitions = Parameters<Chat['estimateTokensInFunctions']>[0];

/** As OpenAI: prompts from 1,024 tokens on, in steps of 128. */
const LEAST_CACHED = 1024;
const CACHE_STEP = 128;
const MOST_PREFIXES = 20_000;
const IMAGE_LOW = 85;
const IMAGE_HIGH = 765;
const PRIMING = 3;
const PLAIN = { disallowedSpecial: new Set<string>() };

/** Loads a tokenizer at its first bill: some 200 ms and 70 MB. */
export class Biller {
  #loaded: Promise<readonly [Chat, Tokenizer, Tokenizer]> | undefined;
  /** Digests of prompts' beginnings, the latest used at the end. */
  readonly #prefixes = new Set<string>();

  async bill(call: Call): Promise<Bill> {
    this.#loaded ??= Promise.all([
      import('gpt-tokenizer/functionCalling'),
      import('gpt-tokenizer/encoding/o200k_base'),
      import('gpt-tokenizer/encoding/cl100k_base'),
    ]);
    const [chat, o200k, cl100k] = await this.#loaded;
    const { countTokens } = /^gpt-(?:4(?:-|$)|3)/.test(call.model) ? cl100k : o200k;
    const count = (text: string): number => countTokens(text, PLAIN);
    const { fields } = call;
    const messages = messagesOf(fields);
    const sizes = messages.map(({ message, images }) => {
      return chat.countMessageTokens(message, count) + images;
    });
    const tools = toolsOf(fields);
    const ofTools = tools.length === 0 ? 0 : chat.estimateTokensInFunctions(tools, count);
    const rest = messages.length === 0 ? count(plainText(fields)) : PRIMING;
    const promptTokens = Math.max(1, sum(sizes) + ofTools + rest);
    const cachedTokens = this.#cached(call, messages, sizes, ofTools);
    return { promptTokens, cachedTokens, outputTokens: count(call.pieces.join('')) };
  }

  /** The longest beginning that was seen before; all of this prompt's are seen from now on. */
  #cached(
    { model, fields }: Call,
    messages: readonly Counted[],
    sizes: readonly number[],
    ofTools: number,
  ): number {
    const digest = createHash('sha1').update(`${model}${JSON.stringify(fields['tools'] ?? '')}`);
    let tokens = ofTools;
    let cached = 0;
    let isKnown = true;
    messages.forEach(({ message }, index) => {
      tokens += sizes[index] ?? 0;
      digest.update(JSON.stringify(message));
      const prefix = digest.copy().digest('base64');
      isKnown &&= this.#prefixes.delete(prefix);
      if (isKnown) cached = tokens;
      this.#prefixes.add(prefix);
    });
    for (const oldest of this.#prefixes) {
      if (this.#prefixes.size <= MOST_PREFIXES) break;
      this.#prefixes.delete(oldest);
    }
    return cached < LEAST_CACHED ? 0 : Math.floor(cached / CACHE_STEP) * CACHE_STEP;
  }
}

/** What an upstream with other tokens, or other ideas, would bill. */
export function multiplied(
  { promptTokens, outputTokens, cachedTokens }: Bill,
  factor: number,
): Bill {
  return {
    promptTokens: Math.round(promptTokens * factor),
    outputTokens: Math.round(outputTokens * factor),
    cachedTokens: Math.round(cachedTokens * factor),
  };
}

interface Counted {
  readonly message: Message;
  readonly images: number;
}

/** Of all dialects, in OpenAI's words. */
function messagesOf({ system, instructions, messages, input }: Fields): readonly Counted[] {
  const told = system ?? instructions;
  const list = messages ?? (isItems(input) ? input : undefined);
  if (!Array.isArray(list) && told === undefined) return [];
  const first = told === undefined ? [] : [{ role: 'system', content: told }];
  const rest: readonly unknown[] = Array.isArray(list) ? list : [{ role: 'user', content: input }];
  return [...first, ...rest].map(messageOf);
}

function isItems(input: unknown): boolean {
  return Array.isArray(input) && typeof input[0] === 'object';
}

function messageOf(given: unknown): Counted {
  const { role, name, content, tool_calls: calls } = (given ?? {}) as Fields;
  const parts = Array.isArray(content) ? (content as Fields[]) : [{ text: content }];
  const texts = parts.map(({ text, content: inner }) => text ?? inner ?? '').map(asText);
  const called = (Array.isArray(calls) ? (calls as Fields[]) : []).map((call) => call['function']);
  const message: Message = {
    role: asText(role ?? 'user'),
    content: [...texts, ...called.map((one) => JSON.stringify(one))].join(''),
    ...(name !== undefined && { name: asText(name) }),
  };
  return { message, images: sum(parts.map(imageOf)) };
}

function imageOf({ type, image_url: image }: Fields): number {
  if (!/image/.test(asText(type))) return 0;
  return (image as Fields | undefined)?.['detail'] === 'low' ? IMAGE_LOW : IMAGE_HIGH;
}

function toolsOf({ tools }: Fields): Definitions {
  if (!Array.isArray(tools)) return [];
  return (tools as Fields[]).map((tool) => {
    const { name, description, parameters, input_schema: schema } = { ...tool, ...asFields(tool) };
    return { name, description, parameters: parameters ?? schema };
  }) as Definitions;
}

function asFields(tool: Fields): Fields {
  return (tool['function'] ?? {}) as Fields;
}

/** Of what is no conversation: completions, embeddings, speech. */
function plainText({ prompt, input }: Fields): string {
  const text = prompt ?? input ?? '';
  return Array.isArray(text) ? text.map(asText).join('\n') : asText(text);
}

function asText(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
