// OpenAI's Responses API: one `response` body, or its sequence of typed SSE events.
import { json, nowSeconds, type Answer, type Call } from '../call.ts';

/** POST /v1/responses */
export function responsesAnswer(call: Call): Answer {
  const text = call.pieces.join('');
  const part = { type: 'output_text', text, annotations: [], logprobs: [] };
  const item = {
    id: `msg_sim_${call.serial}`,
    type: 'message',
    status: call.truncated ? 'incomplete' : 'completed',
    role: 'assistant',
    content: [part],
  };
  if (!call.stream) return json(finished(call, item));

  let sequence = 0;
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`;
  const place = { item_id: item.id, output_index: 0, content_index: 0 };
  const started = { ...base(call), status: 'in_progress', output: [], usage: null };
  return {
    kind: 'stream',
    opening:
      event('response.created', { response: started }) +
      event('response.in_progress', { response: started }) +
      event('response.output_item.added', {
        output_index: 0,
        item: { ...item, status: 'in_progress', content: [] },
      }) +
      event('response.content_part.added', { ...place, part: { ...part, text: '' } }),
    delta: (piece) => event('response.output_text.delta', { ...place, delta: piece, logprobs: [] }),
    closing: () =>
      event('response.output_text.done', { ...place, text, logprobs: [] }) +
      event('response.content_part.done', { ...place, part }) +
      event('response.output_item.done', { output_index: 0, item }) +
      event(call.truncated ? 'response.incomplete' : 'response.completed', {
        response: finished(call, item),
      }),
  };
}

function finished(call: Call, item: object): object {
  return {
    ...base(call),
    status: call.truncated ? 'incomplete' : 'completed',
    incomplete_details: call.truncated ? { reason: 'max_output_tokens' } : null,
    output: [item],
    usage: {
      input_tokens: call.promptTokens,
      input_tokens_details: { cached_tokens: call.cachedTokens },
      output_tokens: call.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: call.promptTokens + call.outputTokens,
    },
  };
}

/** What every state of the response has in common. */
function base(call: Call): object {
  return {
    id: `resp_sim_${call.serial}`,
    object: 'response',
    created_at: nowSeconds(),
    model: call.model,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    top_p: 1,
    tool_choice: 'auto',
    tools: [],
    text: { format: { type: 'text' } },
  };
}
