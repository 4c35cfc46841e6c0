// From the options about money to what the product counts with: integer micro-units, one template.
// It checks nothing: its input has passed the schema and the cross-checks.
import type { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { parseMoney } from '../core/money.ts';
import type { Period } from '../core/periods.ts';
import { readTemplate, type Template } from '../core/template.ts';
import type { budgetSchema, pricesSchema, runsSchema } from './costs-schema.ts';
import type { SessionSource } from './sessions-schema.ts';

export interface BudgetConfig {
  readonly currency: string;
  readonly timeZone: string;
  /** Micro-units of the currency for one US dollar; undefined where no price comes in dollars. */
  readonly usdRateMicro: number | undefined;
  readonly global: {
    readonly warnMicro: number;
    readonly stopMicro: number;
    readonly period: Period;
  };
  readonly unpriced: 'refuse' | 'free';
  readonly defaultOutputTokens: number;
}

/** In micro-units of the budget's currency for a million tokens. */
export interface PriceConfig {
  readonly inputMicro: number;
  readonly outputMicro: number;
  readonly cachedInputMicro: number;
}

export type { SessionSource } from './sessions-schema.ts';

export interface RunsConfig {
  readonly session: Template;
  readonly sessionFrom: readonly SessionSource[];
  readonly stickyProvider: boolean;
  readonly maxRemembered: number;
}

/** Undefined where the gate is off. */
export function resolveBudget(file: z.infer<typeof budgetSchema>): BudgetConfig | undefined {
  if (file === undefined) return undefined;
  const { currency, timeZone, usdRate, global, unpriced, defaultOutputTokens } = file;
  return {
    currency,
    timeZone,
    usdRateMicro: currency === 'USD' ? 1_000_000 : usdRate && microOf(usdRate),
    global: {
      warnMicro: microOf(global.warn),
      stopMicro: microOf(global.stop),
      period: global.period,
    },
    unpriced,
    defaultOutputTokens,
  };
}

/** By model, or by pool/model. */
export function resolvePrices(file: z.infer<typeof pricesSchema>): Map<string, PriceConfig> {
  const entries = Object.entries(file).map(([key, { input, output, cachedInput = input }]) => {
    const price = {
      inputMicro: microOf(input),
      outputMicro: microOf(output),
      cachedInputMicro: microOf(cachedInput),
    };
    return [key, price] as const;
  });
  return new Map(entries);
}

export function resolveRuns(file: z.infer<typeof runsSchema>): RunsConfig {
  const { sessionPattern, sessionFrom, stickyProvider, maxRemembered } = file;
  return {
    session: readTemplate(sessionPattern, 'run'),
    sessionFrom,
    stickyProvider,
    maxRemembered,
  };
}

/** Micro-units of an amount that the schema has let pass. */
export function microOf(amount: number): number {
  const micro = parseMoney(amount);
  if (micro !== undefined) return micro;
  throw new AppError('internal', 'An amount passed the schema that is none.');
}
