// What the store keeps of messages and cells, read back. What cannot be read is shown as what it is not:
// an empty message of nobody, a cell of which nothing is said; nothing is left out for it.
import type { Message, PlacedMessage } from './message.ts';

export interface Episode {
  readonly title: string;
  readonly content: string;
}

/** Who has decided that a cell ends where it does. */
export type CutBy = 'model' | 'forced' | 'flush';

export interface Cell {
  readonly number: number;
  readonly messages: number;
  /** Cell time in ms. */
  readonly atMs: number;
  readonly by: CutBy | undefined;
  readonly reasoning?: string | undefined;
  readonly episode?: Episode | undefined;
}

/** Of the triples place, id, message in turn; or of pairs, whose places are from 1 on. */
export function placedMessages(
  flat: readonly (Buffer | number)[],
  places: 'with places' | 'without places' = 'with places',
): readonly PlacedMessage[] {
  const step = places === 'with places' ? 3 : 2;
  const found: PlacedMessage[] = [];
  for (let i = 0; i + step <= flat.length; i += step) {
    const [id, text] = [String(flat[i + step - 2]), String(flat[i + step - 1])];
    const place = step === 3 ? Number(String(flat[i])) : found.length + 1;
    found.push({ id, place, message: readMessage(text) });
  }
  return found;
}

function readMessage(text: string): Message {
  const parsed = parse(text) as Partial<Message> | undefined;
  return { sender_id: '', role: 'user', timestamp: 0, content: '', ...parsed };
}

/** `text`: how many messages, cell time, and JSON, with a space between them. */
export function readCell(number: number, text: string): Cell {
  const [, messages = '0', at = '0', json = '{}'] = /^(\d+) (\d+) (.*)$/s.exec(text) ?? [];
  const about = parse(json) as Pick<Cell, 'by' | 'reasoning' | 'episode'> | undefined;
  const { by, reasoning, episode } = about ?? {};
  return {
    number,
    messages: Number(messages),
    atMs: Number(at),
    by,
    ...(reasoning !== undefined && { reasoning }),
    ...(episode !== undefined && { episode }),
  };
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
