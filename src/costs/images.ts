// How many tokens an image has, by the formula that its vendor publishes, where the request tells
// its size: https://platform.openai.com/docs/guides/images-vision. It decodes no image, only the few bytes of its head.

export interface ImageTokens {
  readonly tokens: number;
  /** Whether the size or the detail was told; otherwise it is that of a square of 1024. */
  readonly isKnown: boolean;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A base and so much a tile of 512 by 512. */
interface Tiles {
  readonly base: number;
  readonly tile: number;
}

const USUAL: Tiles = { base: 85, tile: 170 };
const BY_MODEL: readonly (readonly [RegExp, Tiles])[] = [
  [/^gpt-4o-mini/, { base: 2833, tile: 5667 }],
  [/^o[1-9]/, { base: 75, tile: 150 }],
  [/^gpt-5/, { base: 70, tile: 140 }],
];
const UNKNOWN_SIZE: Size = { width: 1024, height: 1024 };
const LARGEST = 2048;
const SHORT_SIDE = 768;
const TILE = 512;

/** `source` is a URL or base64; `detail` what the request says of it. */
export function imageTokens(source: unknown, detail: unknown, model: string): ImageTokens {
  const { base, tile } = BY_MODEL.find(([names]) => names.test(model))?.[1] ?? USUAL;
  if (detail === 'low') return { tokens: base, isKnown: true };
  const size = typeof source === 'string' ? sizeOf(source) : undefined;
  const tokens = base + tile * tilesOf(size ?? UNKNOWN_SIZE);
  return { tokens, isKnown: size !== undefined };
}

/** It is fitted into a square of 2048, then its short side into 768. */
function tilesOf({ width, height }: Size): number {
  const fit = Math.min(1, LARGEST / Math.max(width, height));
  const shrink = Math.min(1, SHORT_SIDE / (Math.min(width, height) * fit));
  const across = (length: number): number => Math.ceil((length * fit * shrink) / TILE);
  return Math.max(1, across(width)) * Math.max(1, across(height));
}

/** Heads of JPEGs may carry a preview: those that are longer count as unknown. */
const HEAD_BASE64 = 65_536;

function sizeOf(source: string): Size | undefined {
  const comma = source.startsWith('data:') ? source.indexOf(',') : -1;
  const text = source.slice(comma + 1, comma + 1 + HEAD_BASE64);
  if (comma < 0 && /^https?:/.test(text)) return undefined;
  const head = Buffer.from(text, 'base64');
  const size = pngSize(head) ?? gifSize(head) ?? jpegSize(head);
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
}

function pngSize(head: Buffer): Size | undefined {
  if (head.length < 24 || head.readUInt32BE(0) !== 0x89504e47) return undefined;
  return { width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
}

function gifSize(head: Buffer): Size | undefined {
  if (head.length < 10 || head.toString('latin1', 0, 4) !== 'GIF8') return undefined;
  return { width: head.readUInt16LE(6), height: head.readUInt16LE(8) };
}

/** From segment to segment, until the one that begins a frame (C0 to CF but C4, C8, CC). */
function jpegSize(head: Buffer): Size | undefined {
  if (head.length < 4 || head.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 <= head.length && head[at] === 0xff;) {
    const kind = head[at + 1] ?? 0;
    if ((kind & 0xf0) === 0xc0 && ![0xc4, 0xc8, 0xcc].includes(kind)) {
      return { width: head.readUInt16BE(at + 7), height: head.readUInt16BE(at + 5) };
    }
    at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}
