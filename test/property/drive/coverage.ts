// What the random runs met. A run that never reaches a limit proves nothing, so tests assert on it.

export class Coverage {
  readonly #counts = new Map<string, number>();

  readonly seen = (what: string, times = 1): void => {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  };

  /** Those of `wanted` that were not met. */
  missing(wanted: readonly string[]): readonly string[] {
    return wanted.filter((what) => !this.#counts.has(what));
  }

  toString(): string {
    const sorted = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([what, count]) => `${what} ${count}`).join(', ');
  }
}
