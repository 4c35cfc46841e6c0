// How an answer reaches the client: in one piece or in chunks with pauses, and the faults on the
// way. The latency before the first byte is over already.
import { drawMs, type Behaviour, type Fate } from './behaviour.ts';
import type { Answer } from './call.ts';
import type { Exchange } from './exchange.ts';
import type { Random } from './random.ts';

export interface Delivery {
  readonly answer: Answer;
  readonly pieces: readonly string[];
  readonly fate: Exclude<Fate, { readonly kind: 'error' }>;
  readonly behaviour: Behaviour;
  readonly random: Random;
  readonly requestId: string;
}

/** The fates that send at least a part of the body. */
type BodyFate = 'answer' | 'cut' | 'stall' | 'endless';
type Whole = Extract<Answer, { readonly kind: 'whole' }>;
type Stream = Extract<Answer, { readonly kind: 'stream' }>;

/** Resolves when the exchange has ended, whichever way. */
export async function deliver(exchange: Exchange, delivery: Delivery): Promise<void> {
  const { answer } = delivery;
  const fate = delivery.fate.kind;
  if (fate === 'reset') exchange.reset();
  else if (fate === 'hang') await exchange.departure();
  else if (answer.kind === 'whole') await deliverWhole(exchange, delivery, answer, fate);
  else await deliverStream(exchange, delivery, answer, fate);
}

async function deliverWhole(
  exchange: Exchange,
  delivery: Delivery,
  answer: Whole,
  fate: BodyFate,
): Promise<void> {
  const { body } = answer;
  const headers = { 'content-type': answer.contentType, 'x-request-id': delivery.requestId };
  if (fate === 'endless') {
    exchange.head(200, headers);
    await repeat(exchange, delivery, () => ' '.repeat(64));
    return;
  }
  exchange.head(200, { ...headers, 'content-length': Buffer.byteLength(body) });
  if (fate === 'answer') {
    // As text, node sends it in one piece with the head; as a Buffer it would be a second one.
    exchange.end(body);
    return;
  }
  await exchange.write(body.slice(0, body.length >> 1));
  await stopHalfWay(exchange, fate);
}

async function deliverStream(
  exchange: Exchange,
  delivery: Delivery,
  answer: Stream,
  fate: BodyFate,
): Promise<void> {
  const { pieces, requestId, behaviour } = delivery;
  exchange.head(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-request-id': requestId,
  });
  if (fate === 'answer' && behaviour.chunkDelayMs.max === 0) {
    // Nothing to pause for: one write instead of one per chunk, also for the sake of benchmarks.
    exchange.end(answer.opening + pieces.map(answer.delta).join('') + answer.closing());
    return;
  }
  await exchange.write(answer.opening);
  if (fate === 'endless') {
    await repeat(exchange, delivery, (turn) => answer.delta(pieces[turn % pieces.length] ?? ' '));
    return;
  }
  const last = fate === 'answer' ? pieces.length : pieces.length >> 1;
  for (let index = 0; index < last && !exchange.gone; index += 1) {
    await exchange.sleep(drawMs(behaviour.chunkDelayMs, delivery.random));
    await exchange.write(answer.delta(pieces[index] ?? ''));
  }
  if (fate === 'answer') exchange.end(answer.closing());
  else await stopHalfWay(exchange, fate);
}

/** Until the client leaves; a pause each time, so that the event loop keeps turning. */
async function repeat(
  exchange: Exchange,
  { behaviour, random }: Delivery,
  part: (turn: number) => string,
): Promise<void> {
  for (let turn = 0; !exchange.gone; turn += 1) {
    await exchange.write(part(turn));
    await exchange.sleep(drawMs(behaviour.chunkDelayMs, random));
  }
}

async function stopHalfWay(exchange: Exchange, fate: 'cut' | 'stall'): Promise<void> {
  if (fate === 'cut') exchange.cut();
  else await exchange.departure();
}
