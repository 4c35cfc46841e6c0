// The simulator's own endpoints: GET /_sim/stats, POST /_sim/reset, POST /_sim/configure.
// They are for whoever runs the simulator; they count against no limit and need no key.
import { z } from 'zod';
import type { Exchange } from './exchange.ts';
import type { SimulatorStats } from './options.ts';

/** What the endpoints steer. */
export interface Controlled {
  snapshot(): SimulatorStats;
  reset(): void;
  configure(change: unknown): void;
}

const KNOWN = 'GET /_sim/stats, POST /_sim/reset, POST /_sim/configure';

export async function answerControl(
  exchange: Exchange,
  path: string,
  simulator: Controlled,
): Promise<void> {
  const action = `${String(exchange.req.method)} ${path}`;
  const body = await exchange.readBody();
  if (action === 'GET /_sim/stats') {
    answer(exchange, 200, simulator.snapshot());
  } else if (action === 'POST /_sim/reset') {
    simulator.reset();
    answer(exchange, 200, simulator.snapshot());
  } else if (action === 'POST /_sim/configure') {
    configure(exchange, simulator, body?.toString() ?? '');
  } else {
    answer(exchange, 404, { error: { message: `${action} is unknown. Known: ${KNOWN}` } });
  }
}

function configure(exchange: Exchange, simulator: Controlled, body: string): void {
  try {
    simulator.configure(JSON.parse(body));
    answer(exchange, 200, simulator.snapshot());
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : 'The body is not JSON.';
    answer(exchange, 400, { error: { message } });
  }
}

function answer(exchange: Exchange, status: number, value: object): void {
  exchange.head(status, { 'content-type': 'application/json' });
  exchange.end(JSON.stringify(value));
}
