// A daemon's time as the leader of its cell, by its number. Whoever writes as a leader names it, and
// the store refuses what comes from a tenure that is over (lua/leader/fence.lua).

export interface Tenure {
  /** The daemon. */
  readonly holder: string;
  /** Rises with every new leader of the cell. */
  readonly term: number;
}

/** A tenure as its holder has it. */
export interface Leadership extends Tenure {
  /** Aborted when it ends. A process that was stopped hears of that late: writes must be fenced. */
  readonly signal: AbortSignal;
}
