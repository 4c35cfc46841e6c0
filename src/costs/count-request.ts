// How many input tokens a request has: its texts, the framing of its messages, its tools and its
// images. What cannot be counted exactly is guessed and named. It reads fields leniently and throws
// at nothing; the vocabulary is given.
import { estimateTokensInFunctions } from 'gpt-tokenizer/functionCalling';
import { TOKENS_PER_ATTACHMENT } from './estimate.ts';
import { imageTokens } from './images.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface RequestToCount {
  readonly fields: Fields;
  /** Upstream model. */
  readonly model: string;
  /** Whether messages have frames around them: not so for embeddings and plain completions. */
  readonly isChat: boolean;
  readonly count: (text: string) => number;
}

export interface CountedRequest {
  readonly tokens: number;
  /** What was guessed: `images`, `audio`, `files`, `tools`, `other`. */
  readonly outOfScope: readonly string[];
}

/** https://github.com/openai/openai-cookbook, "How to count tokens with tiktoken". */
const PER_MESSAGE = 3;
const PER_NAME = 1;
const PER_CALL = 3;
const PRIMING = 3;
/** A system message is told beside the tools, and shares their frame. */
const SYSTEM_BESIDE_TOOLS = 4;
/** Of a part of an unknown kind. */
const MAX_OTHER_CHARACTERS = 4096;

export function countRequest(request: RequestToCount): CountedRequest {
  const counted = new RequestCount(request);
  counted.all();
  return { tokens: Math.max(0, counted.tokens), outOfScope: [...counted.outOfScope] };
}

class RequestCount {
  tokens = 0;
  readonly outOfScope = new Set<string>();
  readonly #request: RequestToCount;

  constructor(request: RequestToCount) {
    this.#request = request;
  }

  all(): void {
    const { fields, isChat } = this.#request;
    const { messages, input, prompt, system, instructions, suffix } = fields;
    if (system !== undefined) this.#message({ role: 'system', content: system });
    if (instructions !== undefined) this.#message({ role: 'system', content: instructions });
    if (Array.isArray(messages)) for (const message of messages) this.#message(message);
    if (!isChat) this.#content(input);
    else if (Array.isArray(input)) for (const item of input) this.#message(item);
    else if (input !== undefined) this.#message({ role: 'user', content: input });
    this.#content(prompt);
    this.#content(suffix);
    if (isChat) this.tokens += PRIMING;
    this.#tools(fields);
    this.#schema(fields);
  }

  #text(text: unknown): void {
    if (typeof text === 'string' && text !== '') this.tokens += this.#request.count(text);
  }

  #json(value: unknown): void {
    if (value !== undefined) this.#text(typeof value === 'string' ? value : JSON.stringify(value));
  }

  #message(message: unknown): void {
    if (!isFields(message)) {
      this.#content(message);
      return;
    }
    const { role, name, content, tool_calls: calls, type } = message;
    this.tokens += PER_MESSAGE;
    if (role === undefined && type !== undefined) {
      this.#part(message);
      return;
    }
    this.#text(role);
    if (name !== undefined) {
      this.tokens += PER_NAME;
      this.#text(name);
    }
    this.#content(content);
    if (Array.isArray(calls)) for (const call of calls) this.#call(asFields(call)['function']);
  }

  #call(called: unknown): void {
    const { name, arguments: given, input } = asFields(called);
    this.tokens += PER_CALL;
    this.#text(name);
    this.#json(given ?? input);
  }

  /** A text, a list of parts, texts or numbers (which are tokens themselves). */
  #content(content: unknown): void {
    if (typeof content === 'number') this.tokens += 1;
    else if (Array.isArray(content)) for (const one of content) this.#content(one);
    else if (isFields(content)) this.#part(content);
    else this.#text(content);
  }

  #part(part: Fields): void {
    const { type, text, content, source } = part;
    if (typeof text === 'string') this.#text(text);
    else if (type === 'image_url' || type === 'input_image' || type === 'image') this.#image(part);
    else if (type === 'tool_use' || type === 'function_call') this.#call(part);
    else if (type === 'function_call_output') this.#content(part['output']);
    else if (asFields(source)['type'] === 'text') this.#text(asFields(source)['data']);
    else if (content !== undefined) this.#content(content);
    else this.#unknown(part);
  }

  #image(part: Fields): void {
    const { image_url: image, source, detail } = part;
    const { url, detail: inner } = asFields(image);
    const { data, url: sourceUrl } = asFields(source);
    const place = typeof image === 'string' ? image : (url ?? data ?? sourceUrl);
    const { tokens, isKnown } = imageTokens(place, inner ?? detail, this.#request.model);
    this.tokens += tokens;
    if (!isKnown) this.outOfScope.add('images');
  }

  #unknown(part: Fields): void {
    const { type } = part;
    const isAudio = type === 'input_audio' || type === 'audio';
    const isFile = type === 'file' || type === 'input_file' || type === 'document';
    this.outOfScope.add(isAudio ? 'audio' : isFile ? 'files' : 'other');
    if (isAudio || isFile) this.tokens += TOKENS_PER_ATTACHMENT;
    else this.#text(JSON.stringify(part).slice(0, MAX_OTHER_CHARACTERS));
  }

  #tools({ tools, functions, messages, tool_choice: choice }: Fields): void {
    const listed = [...asList(tools), ...asList(functions)].map(asFields);
    const named = listed.map((tool) => ({ ...tool, ...asFields(tool['function']) }));
    const ours = named.filter((tool) => typeof tool['name'] === 'string');
    if (ours.length < listed.length) this.outOfScope.add('tools');
    if (ours.length === 0) return;
    this.tokens += this.#definitions(ours);
    const isToldBeside = asList(messages).some((one) => asFields(one)['role'] === 'system');
    if (isToldBeside) this.tokens -= SYSTEM_BESIDE_TOOLS;
    if (isFields(choice)) this.#text(asFields(choice['function'])['name'] ?? choice['name']);
  }

  /** As they are told to the model; a schema that cannot be told so counts by its JSON. */
  #definitions(tools: readonly Fields[]): number {
    const { count } = this.#request;
    const definitions = tools.map(({ name, description, parameters, input_schema: schema }) => {
      return { name, description, parameters: parameters ?? schema };
    });
    try {
      type Definitions = Parameters<typeof estimateTokensInFunctions>[0];
      return estimateTokensInFunctions(definitions as Definitions, count);
    } catch {
      return count(JSON.stringify(definitions));
    }
  }

  /** The form that an answer must have. */
  #schema({ response_format: format, text }: Fields): void {
    const { json_schema: schema } = asFields(format ?? asFields(text)['format']);
    this.#json(asFields(schema)['schema'] ?? asFields(asFields(text)['format'])['schema']);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asFields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
