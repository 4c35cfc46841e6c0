// Anthropic's Messages API: one `message` body, or its sequence of SSE events.
import { json, type Answer, type Call } from '../call.ts';

/** POST /v1/messages */
export function messagesAnswer(call: Call): Answer {
  const stopReason = call.truncated ? 'max_tokens' : 'end_turn';
  const message = {
    id: `msg_sim_${call.serial}`,
    type: 'message',
    role: 'assistant',
    model: call.model,
  };
  const text = { type: 'text', text: call.pieces.join('') };
  if (!call.stream) {
    return json({
      ...message,
      content: [text],
      stop_reason: stopReason,
      stop_sequence: null,
      usage: usageOf(call, call.outputTokens),
    });
  }
  const started = { ...message, content: [], stop_reason: null, stop_sequence: null };
  return {
    kind: 'stream',
    opening:
      event('message_start', { message: { ...started, usage: usageOf(call, 1) } }) +
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
      event('ping', {}),
    delta: (piece) =>
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: piece } }),
    closing: () =>
      event('content_block_stop', { index: 0 }) +
      event('message_delta', {
        delta: { stop_reason: stopReason, stop_sequence: null },
        usage: { output_tokens: call.outputTokens },
      }) +
      event('message_stop', {}),
  };
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

function usageOf(call: Call, outputTokens: number): object {
  return {
    input_tokens: call.promptTokens - call.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: call.cachedTokens,
    output_tokens: outputTokens,
  };
}
