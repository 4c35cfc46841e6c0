// The endpoints without a stream: embeddings, moderations, images, audio and the list of models.
import { json, nowSeconds, type Answer, type Call } from '../call.ts';

const DEFAULT_DIMENSIONS = 8;
const MAX_DIMENSIONS = 4096;

/** POST /v1/embeddings. The official SDK asks for base64 unless told otherwise. */
export function embeddingsAnswer(call: Call): Answer {
  const { input, encoding_format: encoding, dimensions } = call.fields;
  const isList = Array.isArray(input) && typeof input[0] !== 'number';
  const inputs: readonly unknown[] = isList ? input : [input];
  const size =
    typeof dimensions === 'number' && dimensions >= 1 && dimensions <= MAX_DIMENSIONS
      ? Math.floor(dimensions)
      : DEFAULT_DIMENSIONS;
  const data = inputs.map((one, index) => {
    const vector = vectorOf(JSON.stringify(one ?? ''), size);
    const bytes = Buffer.from(vector.buffer);
    const embedding = encoding === 'base64' ? bytes.toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const usage = { prompt_tokens: call.promptTokens, total_tokens: call.promptTokens };
  return json({ object: 'list', data, model: call.model, usage });
}

/** The same text gives the same vector of length 1. FNV-1a spreads the letters over it. */
function vectorOf(text: string, size: number): Float32Array {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  const vector = new Float32Array(size);
  let sum = 0;
  for (let index = 0; index < size; index += 1) {
    hash = Math.imul(hash ^ index, 0x01000193);
    const value = (hash >>> 8) / 0x1000000 - 0.5;
    vector[index] = value;
    sum += value * value;
  }
  const length = Math.sqrt(sum) || 1;
  return vector.map((value) => value / length);
}

const CATEGORIES = ['harassment', 'hate', 'illicit', 'self-harm', 'sexual', 'violence'] as const;

/** POST /v1/moderations: nothing is ever flagged. */
export function moderationsAnswer(call: Call): Answer {
  const { input } = call.fields;
  const each = <T>(value: T) => Object.fromEntries(CATEGORIES.map((name) => [name, value]));
  const result = { flagged: false, categories: each(false), category_scores: each(0) };
  const results = Array.isArray(input) ? input.map(() => result) : [result];
  return json({ id: `modr-sim-${call.serial}`, model: call.model, results });
}

/** A transparent PNG of one pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** POST /v1/images/generations, /v1/images/edits and /v1/images/variations */
export function imagesAnswer(call: Call): Answer {
  const count = Number(call.fields['n'] ?? 1);
  const length = count >= 1 && count <= 10 ? Math.floor(count) : 1;
  const data = Array.from({ length }, () => ({ b64_json: PIXEL }));
  const usage = {
    input_tokens: call.promptTokens,
    input_tokens_details: { text_tokens: call.promptTokens, image_tokens: 0 },
    output_tokens: length,
    total_tokens: call.promptTokens + length,
  };
  return json({ created: nowSeconds(), data, usage });
}

/** POST /v1/audio/transcriptions and /v1/audio/translations */
export function transcriptionAnswer(call: Call): Answer {
  const text = call.pieces.join('');
  if (call.fields['response_format'] === 'text') {
    return { kind: 'whole', contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
  }
  const usage = {
    type: 'tokens',
    input_tokens: call.promptTokens,
    output_tokens: call.outputTokens,
    total_tokens: call.promptTokens + call.outputTokens,
  };
  return json({ text, usage });
}

const SAMPLE_RATE_HZ = 8000;
const SILENCE_BYTES_PER_TOKEN = 64;

/** POST /v1/audio/speech: silence, as long as the text. */
export function speechAnswer(call: Call): Answer {
  const data = Buffer.alloc(call.pieces.length * SILENCE_BYTES_PER_TOKEN, 0x80);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  head.writeUInt32LE(SAMPLE_RATE_HZ, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  head.writeUInt32LE(data.length, 40);
  return { kind: 'whole', contentType: 'audio/wav', body: Buffer.concat([head, data]) };
}

/** GET /v1/models, readable by OpenAI's and by Anthropic's clients. */
export function modelList(models: readonly string[]): string {
  const data = models.map((id) => ({
    id,
    object: 'model',
    created: 1_700_000_000,
    owned_by: 'slotkeeper-sim',
    type: 'model',
    display_name: id,
    created_at: '2023-11-14T22:13:20Z',
  }));
  const ends = { first_id: models[0] ?? null, last_id: models.at(-1) ?? null };
  return JSON.stringify({ object: 'list', data, has_more: false, ...ends });
}
