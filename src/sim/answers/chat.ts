// OpenAI's chat.completion and the older text_completion: one body or SSE chunks.
import { json, nowSeconds, type Answer, type Call } from '../call.ts';

const DONE = 'data: [DONE]\n\n';

/** POST /v1/chat/completions */
export function chatAnswer(call: Call): Answer {
  const head = {
    id: `chatcmpl-sim-${call.serial}`,
    created: nowSeconds(),
    model: call.model,
    system_fingerprint: 'fp_sim',
  };
  if (!call.stream) {
    const message = { role: 'assistant', content: call.pieces.join(''), refusal: null };
    return json({
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(call) }],
      usage: usageOf(call),
    });
  }
  const chunk = (delta: object, finish: string | null = null) =>
    frame(call, {
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    });
  return {
    kind: 'stream',
    opening: chunk({ role: 'assistant', content: '' }),
    delta: (piece) => chunk({ content: piece }),
    closing: () =>
      chunk({}, finishReason(call)) +
      usageFrame(call, { ...head, object: 'chat.completion.chunk' }) +
      DONE,
  };
}

/** POST /v1/completions */
export function completionAnswer(call: Call): Answer {
  const head = {
    id: `cmpl-sim-${call.serial}`,
    object: 'text_completion',
    created: nowSeconds(),
    model: call.model,
  };
  const choice = (text: string, finish: string | null) => ({
    ...head,
    choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
  });
  if (!call.stream) {
    return json({ ...choice(call.pieces.join(''), finishReason(call)), usage: usageOf(call) });
  }
  return {
    kind: 'stream',
    opening: '',
    delta: (piece) => frame(call, choice(piece, null)),
    closing: () => frame(call, choice('', finishReason(call))) + usageFrame(call, head) + DONE,
  };
}

/** OpenAI says `"usage": null` in every chunk of a stream whose last one will carry it. */
function frame(call: Call, chunk: object): string {
  return `data: ${JSON.stringify(call.streamUsage ? { ...chunk, usage: null } : chunk)}\n\n`;
}

function usageFrame(call: Call, head: object): string {
  if (!call.streamUsage) return '';
  return `data: ${JSON.stringify({ ...head, choices: [], usage: usageOf(call) })}\n\n`;
}

function finishReason(call: Call): string {
  return call.truncated ? 'length' : 'stop';
}

function usageOf({ promptTokens, outputTokens, cachedTokens }: Call): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: outputTokens,
    total_tokens: promptTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}
