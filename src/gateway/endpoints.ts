// The fixed list of paths that the proxy forwards. A path that is not a key here, to the letter,
// does not exist: nothing is decoded, joined or normalised, so nothing can be smuggled.

/** Dialect of an endpoint's bodies: decides the shape of errors. */
export type Dialect = 'openai' | 'anthropic';

export interface Endpoint {
  readonly name: string;
  /** Path below /v1, here and at the upstream. */
  readonly path: string;
  readonly dialect: Dialect;
  /** Whether a form with files is taken beside JSON. */
  readonly multipart: boolean;
  /** The model that the API's contract assumes where a request names none. */
  readonly defaultModel: string | undefined;
}

const LIST = [
  endpoint('chat', '/chat/completions'),
  endpoint('completions', '/completions'),
  endpoint('responses', '/responses'),
  endpoint('embeddings', '/embeddings'),
  endpoint('moderations', '/moderations', { defaultModel: 'omni-moderation-latest' }),
  endpoint('image_generations', '/images/generations', { defaultModel: 'dall-e-2' }),
  endpoint('image_edits', '/images/edits', { multipart: true, defaultModel: 'dall-e-2' }),
  endpoint('image_variations', '/images/variations', { multipart: true, defaultModel: 'dall-e-2' }),
  endpoint('speech', '/audio/speech'),
  endpoint('transcriptions', '/audio/transcriptions', { multipart: true }),
  endpoint('translations', '/audio/translations', { multipart: true }),
  endpoint('messages', '/messages', { dialect: 'anthropic' }),
] as const;

export type EndpointName = (typeof LIST)[number]['name'];
export type ProxyEndpoint = (typeof LIST)[number];

/** By path below /v1. */
export const ENDPOINTS: ReadonlyMap<string, ProxyEndpoint> = new Map(
  LIST.map((one) => [one.path, one]),
);

function endpoint<Name extends string>(
  name: Name,
  path: string,
  options: Partial<Pick<Endpoint, 'dialect' | 'multipart' | 'defaultModel'>> = {},
): Endpoint & { readonly name: Name } {
  const { dialect = 'openai', multipart = false, defaultModel } = options;
  return { name, path, dialect, multipart, defaultModel };
}
