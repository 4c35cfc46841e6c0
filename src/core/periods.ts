// Where days and months begin in a time zone. Pure: it takes the time and gives boundaries; the
// store picks a period by its own clock.

/** How often a budget starts afresh. */
export const PERIODS = ['none', 'day', 'month'] as const;
export type Period = (typeof PERIODS)[number];

interface CalendarDay {
  readonly year: number;
  /** From 0, as Date has it. */
  readonly month: number;
  readonly day: number;
}

/** Whether the runtime knows the IANA time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Reads the wall clock of one time zone. */
class WallClock {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The wall clock's reading at `ms`, as if it were UTC. */
  read(ms: number): number {
    const part = new Map<string, number>();
    for (const { type, value } of this.#format.formatToParts(ms)) part.set(type, Number(value));
    const get = (type: string): number => part.get(type) ?? 0;
    return Date.UTC(
      get('year'),
      get('month') - 1,
      get('day'),
      get('hour'),
      get('minute'),
      get('second'),
    );
  }

  dayOf(ms: number): CalendarDay {
    const date = new Date(this.read(ms));
    return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
  }

  /** The first ms of a calendar day, or of a minute of it; where it is skipped, the first that exists. */
  startOf({ year, month, day }: CalendarDay, minute = 0): number {
    const wanted = Date.UTC(year, month, day, 0, minute);
    const offsetAt = (ms: number): number => this.read(ms) - Math.floor(ms / 1000) * 1000;
    // Offsets before and after a change of the clocks: the earlier one that fits is the start.
    const candidates = [offsetAt(wanted - 86_400_000), offsetAt(wanted + 86_400_000)]
      .map((offset) => wanted - offset)
      .sort((a, b) => a - b);
    const fitting = candidates.find((ms) => this.read(ms) >= wanted);
    return fitting ?? wanted - offsetAt(wanted);
  }
}

/**
 * The first ms of up to `count` periods in ascending order; the first of them contains `fromMs`.
 * `none` has no boundaries: all time is one period.
 */
export function periodStarts(
  period: Period,
  options: { readonly timeZone: string; readonly fromMs: number; readonly count: number },
): number[] {
  if (period === 'none') return [];
  const clock = new WallClock(options.timeZone);
  const { year, month, day } = clock.dayOf(options.fromMs);
  const starts = Array.from({ length: options.count }, (_, i) =>
    clock.startOf(
      period === 'day' ? { year, month, day: day + i } : { year, month: month + i, day: 1 },
    ),
  );
  // Samoa had no 30 December 2011: that day begins where the next one does.
  return starts.filter((ms, i) => i === 0 || ms > (starts[i - 1] ?? ms));
}

/**
 * When it is so many minutes after midnight on the days around `aroundMs`: the day before, that day
 * and the next one, ascending. What a change of the clocks skips comes later that day; what it
 * repeats counts the first time.
 */
export function timesOfDay(
  minute: number,
  { timeZone, aroundMs }: { readonly timeZone: string; readonly aroundMs: number },
): number[] {
  const clock = new WallClock(timeZone);
  const { year, month, day } = clock.dayOf(aroundMs);
  return [day - 1, day, day + 1].map((one) => clock.startOf({ year, month, day: one }, minute));
}
