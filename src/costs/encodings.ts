// Which vocabulary a model's texts are counted with, by its name. Other vendors publish none: their
// texts are counted with the default, which is close, and said to be not exact.

export const ENCODINGS = ['o200k_base', 'cl100k_base', 'p50k_base'] as const;
export type EncodingName = (typeof ENCODINGS)[number];

export interface ModelEncoding {
  readonly encoding: EncodingName;
  /** Whether the model is known to use it. */
  readonly isExact: boolean;
}

const CL100K =
  /^(?:gpt-4(?:-|$)|gpt-3\.5|gpt-35|text-embedding-|davinci-002|babbage-002|ft:gpt-3\.5)/;
const P50K = /^(?:text-davinci-00[23]|code-davinci-00[12]|code-cushman-00[12])/;
const OWN = /^(?:ft:)?(?:gpt-|chatgpt-|o[1-9]|codex-|computer-use-)/;

/** Names may have a vendor before them: `openai/gpt-4o`. */
export function encodingOf(model: string): ModelEncoding {
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase();
  if (CL100K.test(name)) return { encoding: 'cl100k_base', isExact: true };
  if (P50K.test(name)) return { encoding: 'p50k_base', isExact: true };
  return { encoding: 'o200k_base', isExact: OWN.test(name) };
}
