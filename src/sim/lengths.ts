// How long a natural answer is: by its model, by what is asked, and by chance. The same request gets
// the same answer under the same seed.
import type { Asked } from './call.ts';
import { seededRandom } from './random.ts';

const LONGEST = 4000;
/** Of the logarithm of a length: two answers in three are within a factor of 1.5. */
const SPREAD = 0.4;

/** In words, of which most are a token. */
export function naturalLength({ fields, text }: Asked, model: string, seed: number): number {
  const random = seededRandom(hashOf(`${model}\n${text}`) ^ seed);
  const usual = 60 + (hashOf(model) % 200);
  const median = usual * shapeOf(fields, text);
  // Box and Muller: two even draws make a normal one.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(LONGEST, Math.max(1, Math.round(median * Math.exp(SPREAD * normal))));
}

/** Calls of tools are short, data is shorter than prose, code and long questions get long answers. */
function shapeOf(fields: Asked['fields'], text: string): number {
  if (Array.isArray(fields['tools'])) return 0.4;
  if (fields['response_format'] !== undefined) return 0.6;
  return text.length > 2000 || text.includes('\n') ? 2 : 1;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
