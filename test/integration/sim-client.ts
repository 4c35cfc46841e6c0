// A plain client of a simulator of its own, for the simulator's tests.
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request, type Dispatcher } from 'undici';
import type { CredentialStats } from '../../src/sim/ledger.ts';
import type { Simulator, SimulatorOptions } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';

export interface Asking {
  readonly directive?: string;
  readonly key?: string;
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  readonly path?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
}

export class SimClient implements AsyncDisposable {
  readonly sim: Simulator;
  readonly agent = new Agent();

  private constructor(sim: Simulator) {
    this.sim = sim;
  }

  static async start(options: SimulatorOptions): Promise<SimClient> {
    return new SimClient(await startSimulator(options));
  }

  ask(asking: Asking = {}): Promise<Dispatcher.ResponseData> {
    const { directive = '', key = 'key', stream = false, signal } = asking;
    return request(`${this.sim.url}${asking.path ?? '/v1/chat/completions'}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', stream, messages: [{ content: directive }] }),
      dispatcher: this.agent,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async askAndRead(asking: Asking = {}): Promise<Answered> {
    const answer = await this.ask(asking);
    const { statusCode: status, headers } = answer;
    return { status, headers, text: await answer.body.text() };
  }

  statsOf(credential: string): CredentialStats | undefined {
    return this.sim.snapshot().credentials.find((one) => one.credential === credential);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.destroy();
    await this.sim.stop();
  }
}

/** Waits for what the far side of a socket will have seen; the simulator has no events. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 3000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not seen: ${condition.toString()}`);
    await delay(2);
  }
}
