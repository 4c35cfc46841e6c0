// The thread that counts tokens and digests requests, so that neither loading a vocabulary (some 200
// ms) nor a large body stops the daemon's event loop. It knows one request at a time.
import { parentPort } from 'node:worker_threads';
import { countRequest } from './count-request.ts';
import { TextCount, type Encode } from './count-text.ts';
import { encodingOf, type EncodingName } from './encodings.ts';
import { hashOfBytes, inputHashOf } from './input-hash.ts';

export interface Job {
  readonly id: number;
  readonly body: Uint8Array;
  /** Whether the body is a JSON object; anything else is digested alone. */
  readonly isJson: boolean;
  readonly isChat: boolean;
  /** Upstream model. */
  readonly model: string;
  readonly exactCharacters: number;
}

export interface JobResult {
  readonly id: number;
  /** Undefined where the body has no texts to count, or could not be counted. */
  readonly tokens: number | undefined;
  readonly outOfScope: readonly string[];
  readonly inputHash: string;
}

/** A text may hold the words of special tokens; they are plain text here. */
const PLAIN = { disallowedSpecial: new Set<string>() };

const encoders = new Map<EncodingName, Promise<Encode>>();

function encoderOf(name: EncodingName): Promise<Encode> {
  let encoder = encoders.get(name);
  if (encoder === undefined) {
    encoder = loaders[name]().then(
      ({ countTokens }) =>
        (text) =>
          countTokens(text, PLAIN),
    );
    encoders.set(name, encoder);
  }
  return encoder;
}

const loaders = {
  o200k_base: () => import('gpt-tokenizer/encoding/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/encoding/cl100k_base'),
  p50k_base: () => import('gpt-tokenizer/encoding/p50k_base'),
} as const;

async function resultOf(job: Job): Promise<JobResult> {
  const { id, body, isJson } = job;
  if (!isJson) {
    return { id, tokens: undefined, outOfScope: ['form'], inputHash: hashOfBytes(body) };
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const { encoding, isExact } = encodingOf(job.model);
  const texts = new TextCount(await encoderOf(encoding), job.exactCharacters);
  const { isChat, model } = job;
  const counted = countRequest({ fields, model, isChat, count: (part) => texts.count(part) });
  const outOfScope = [
    ...counted.outOfScope,
    ...(isExact ? [] : ['tokenizer']),
    ...(texts.wasCut ? ['length'] : []),
  ];
  return { id, tokens: counted.tokens, outOfScope, inputHash: inputHashOf(fields) };
}

async function answer(job: Job): Promise<void> {
  try {
    parentPort?.postMessage(await resultOf(job));
  } catch {
    // What stands in the body must not get into an error; the request's tokens are guessed.
    const inputHash = hashOfBytes(job.body);
    const failed: JobResult = { id: job.id, tokens: undefined, outOfScope: ['text'], inputHash };
    parentPort?.postMessage(failed);
  }
}

parentPort?.on('message', (job: Job) => void answer(job));
