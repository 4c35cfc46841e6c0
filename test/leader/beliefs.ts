// What processes noted of their leaderships, and the judgement on it: whether two believed at one
// moment that they lead. Times are of the machine's monotonic clock.

export interface ProgramOptions {
  readonly url: string;
  readonly cell: string;
  readonly holder: string;
  readonly lifeMs: number;
  /** Where it notes what it believes. */
  readonly file: string;
}

export interface Belief {
  readonly kind: 'ready' | 'leads' | 'ended';
  readonly holder: string;
  readonly term: number;
  readonly atMs: number;
  /** Of `leads`: until when it would believe so without another word of the store. */
  readonly untilMs?: number;
}

export interface Tenancy {
  readonly holder: string;
  readonly term: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** `killed`: when processes ended by kill -9. A stopped process believes what it believed. */
export function tenancies(
  beliefs: readonly Belief[],
  killed: ReadonlyMap<string, number>,
): readonly Tenancy[] {
  const all = new Map<string, Tenancy>();
  for (const { kind, holder, term, atMs, untilMs = atMs } of beliefs) {
    if (kind === 'ready') continue;
    const key = `${holder} ${term}`;
    const known = all.get(key) ?? { holder, term, fromMs: atMs, toMs: atMs };
    // An end that came late, after a stop, prolongs nothing.
    const toMs = kind === 'leads' ? untilMs : Math.min(known.toMs, atMs);
    all.set(key, { ...known, toMs });
  }
  return [...all.values()].map((one) => {
    return { ...one, toMs: Math.min(one.toMs, killed.get(one.holder) ?? Infinity) };
  });
}

/** In words, every pair of leaderships that shared a moment. */
export function overlaps(all: readonly Tenancy[]): readonly string[] {
  const sorted = [...all].sort((a, b) => a.fromMs - b.fromMs);
  return sorted.flatMap((one, i) =>
    sorted
      .slice(i + 1)
      .filter((other) => other.fromMs < one.toMs)
      .map((other) => {
        const ms = Math.min(one.toMs, other.toMs) - other.fromMs;
        return `${one.holder} (term ${one.term}) and ${other.holder} (term ${other.term}) for ${ms.toFixed(1)} ms`;
      }),
  );
}
