// Which paths of the providers the simulated upstream serves, and in which dialect.
import type { Answer, Call } from './call.ts';
import { chatAnswer, completionAnswer } from './answers/chat.ts';
import { messagesAnswer } from './answers/messages.ts';
import {
  embeddingsAnswer,
  imagesAnswer,
  moderationsAnswer,
  speechAnswer,
  transcriptionAnswer,
} from './answers/others.ts';
import { responsesAnswer } from './answers/responses.ts';
import type { Dialect } from './refusals.ts';

export interface Endpoint {
  readonly dialect: Dialect;
  readonly answer: (call: Call) => Answer;
}

function openai(answer: (call: Call) => Answer): Endpoint {
  return { dialect: 'openai', answer };
}

/** POST endpoints by path; each of their requests counts against its credential's limit. */
export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['/v1/chat/completions', openai(chatAnswer)],
  ['/v1/completions', openai(completionAnswer)],
  ['/v1/responses', openai(responsesAnswer)],
  ['/v1/embeddings', openai(embeddingsAnswer)],
  ['/v1/moderations', openai(moderationsAnswer)],
  ['/v1/images/generations', openai(imagesAnswer)],
  ['/v1/images/edits', openai(imagesAnswer)],
  ['/v1/images/variations', openai(imagesAnswer)],
  ['/v1/audio/speech', openai(speechAnswer)],
  ['/v1/audio/transcriptions', openai(transcriptionAnswer)],
  ['/v1/audio/translations', openai(transcriptionAnswer)],
  ['/v1/messages', { dialect: 'anthropic', answer: messagesAnswer }],
]);
