// What the simulated upstream does with a request: holds its credential to the limit, keeps the
// high-water mark (the oracle for overselling, outside of the product), draws its fate, answers.
//
// Arrivals are counted one turn of the event loop after they were read, departures at once. A
// client that aborts one request and then sends another does so in that order, yet the kernel may
// report the two sockets in the other; counting arrivals last keeps such a pair from looking like
// two requests at a time. A true overlap outlives the turn (some 10 µs) and is still seen.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { retryAfterSeconds } from '../core/units.ts';
import { modelList } from './answers/others.ts';
import {
  DEFAULT_BEHAVIOUR,
  drawFate,
  drawMs,
  patched,
  plainModel,
  requestPatch,
  type Behaviour,
  type BehaviourPatch,
} from './behaviour.ts';
import { Biller, multiplied } from './billing.ts';
import { callOf, readAsked, type Asked, type Call } from './call.ts';
import { answerControl } from './control.ts';
import { deliver } from './deliver.ts';
import { ENDPOINTS, type Endpoint } from './endpoints.ts';
import { afterNextTurn, Exchange } from './exchange.ts';
import { Ledger, type CredentialStats } from './ledger.ts';
import { simulatorPatch, type SimulatorStats } from './options.ts';
import { seededRandom, type Random } from './random.ts';
import { isTemporary, refusalBody, type Dialect, type Refusal } from './refusals.ts';

const DEFAULT_MODELS = ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'claude-sim', 'embed-small'];
const UNKNOWN_CREDENTIAL: Refusal = { status: 401, message: 'Incorrect API key provided.' };
const UNREADABLE: Refusal = { status: 400, message: 'The body of the request is not readable.' };

export class Upstream {
  readonly ledger = new Ledger();
  readonly #open = new Map<Socket, Set<Exchange>>();
  readonly #biller = new Biller();
  readonly #models = new Map<string, Behaviour>();
  readonly #credentials = new Map<string, BehaviourPatch>();
  #behaviour = DEFAULT_BEHAVIOUR;
  #seed = 0;
  #random: Random = seededRandom(0);
  #serial = 0;

  /** `change` is a SimulatorPatch; anything else throws a ZodError and changes nothing. */
  configure(change: unknown): void {
    const parsed = simulatorPatch.parse(change);
    const { limits = {}, behaviour = {}, models = {}, credentials = {}, seed } = parsed;
    this.ledger.setLimits(limits);
    this.#behaviour = patched(this.#behaviour, behaviour);
    for (const [model, patch] of Object.entries(models)) {
      this.#models.set(model, patched(this.#models.get(model) ?? this.#behaviour, patch));
    }
    for (const [credential, patch] of Object.entries(credentials)) {
      this.#credentials.set(credential, { ...this.#credentials.get(credential), ...patch });
    }
    if (seed !== undefined) {
      this.#seed = seed;
      this.#random = seededRandom(seed);
    }
  }

  reset(): void {
    this.ledger.reset();
    this.#random = seededRandom(this.#seed);
  }

  snapshot(): SimulatorStats {
    const credentials = this.ledger.stats();
    const sum = (of: (one: CredentialStats) => number) =>
      credentials.reduce((total, one) => total + of(one), 0);
    return {
      credentials,
      unknown: this.ledger.unknown,
      inFlight: sum((one) => one.inFlight),
      total: sum((one) => one.total),
      rejected: sum((one) => one.rejected),
      aborted: sum((one) => one.aborted),
      oversold: sum((one) => Math.max(0, one.highWater - (one.limit ?? Infinity))),
      seed: this.#seed,
    };
  }

  /** Must see every connection before its first request. */
  watch(socket: Socket): void {
    const exchanges = new Set<Exchange>();
    this.#open.set(socket, exchanges);
    const vanish = () => {
      for (const exchange of exchanges) exchange.vanish();
    };
    // 'end' and 'error' come in the turn in which the peer left, 'close' only after that turn.
    socket.on('end', vanish).on('error', vanish);
    socket.on('close', () => {
      vanish();
      this.#open.delete(socket);
    });
  }

  /** Ends whatever still runs, as if its client had left. */
  abandon(): void {
    for (const exchanges of this.#open.values()) {
      for (const exchange of exchanges) exchange.vanish();
    }
  }

  receive(req: IncomingMessage, res: ServerResponse): void {
    const exchange = new Exchange(req, res);
    const path = (req.url ?? '').split('?', 1)[0] ?? '';
    const endpoint = req.method === 'POST' ? ENDPOINTS.get(path) : undefined;
    if (endpoint !== undefined) void this.#serve(exchange, endpoint);
    else if (path.startsWith('/_sim/')) void answerControl(exchange, path, this);
    else this.#serveRest(exchange, path);
  }

  async #serve(exchange: Exchange, endpoint: Endpoint): Promise<void> {
    const exchanges = this.#open.get(exchange.req.socket);
    exchanges?.add(exchange);
    try {
      const reading = exchange.readBody();
      await afterNextTurn();
      if (this.#admit(exchange, endpoint)) await this.#answer(exchange, endpoint, await reading);
    } finally {
      exchanges?.delete(exchange);
    }
  }

  #admit(exchange: Exchange, { dialect }: Endpoint): boolean {
    const credential = credentialOf(exchange.req);
    if (exchange.gone) {
      this.ledger.countVanished(credential);
      return false;
    }
    const admission = this.ledger.admit(credential);
    if (admission.kind === 'unknown') {
      this.#refuse(exchange, dialect, UNKNOWN_CREDENTIAL);
      return false;
    }
    if (admission.kind === 'over_limit') {
      const message = `Concurrency limit reached for this key: ${admission.limit} at a time.`;
      this.#refuse(exchange, dialect, { status: 429, message });
      return false;
    }
    exchange.carry(admission.visit);
    return true;
  }

  async #answer(exchange: Exchange, endpoint: Endpoint, body: Buffer | undefined): Promise<void> {
    const asked = body && readAsked(body, exchange.req.headers['content-type'] ?? '');
    if (body === undefined || asked === undefined) {
      this.#refuse(exchange, endpoint.dialect, UNREADABLE);
      return;
    }
    const behaviour = this.#behaviourFor(asked, exchange);
    const random = this.#random;
    const fate = drawFate(behaviour, random);
    const latencyMs = drawMs(behaviour.latencyMs, random);
    if (latencyMs > 0) await exchange.sleep(latencyMs);
    if (exchange.gone) return;
    if (fate.kind === 'error') {
      const message = `The simulator was told to answer ${fate.status}.`;
      this.#refuse(exchange, endpoint.dialect, { status: fate.status, message }, behaviour);
      return;
    }
    const serial = (this.#serial += 1);
    const model = plainModel(asked.model);
    const saying = { serial, behaviour, model, bodyBytes: body.length, seed: this.#seed };
    const call = await this.#billed(callOf(asked, saying), behaviour);
    const requestId = `req_sim_${serial}`;
    const answer = endpoint.answer(call);
    await deliver(exchange, { answer, pieces: call.pieces, fate, behaviour, random, requestId });
  }

  async #billed(call: Call, { bill, billFactor }: Behaviour): Promise<Call> {
    const counted = bill === 'tokens' ? { ...call, ...(await this.#biller.bill(call)) } : call;
    return billFactor === 1 ? counted : { ...counted, ...multiplied(counted, billFactor) };
  }

  #behaviourFor(asked: Asked, { req }: Exchange): Behaviour {
    const { headers } = req;
    const all = this.#models.get(plainModel(asked.model)) ?? this.#behaviour;
    const base = patched(all, this.#credentials.get(credentialOf(req)) ?? {});
    return patched(base, requestPatch({ model: asked.model, text: asked.text, headers }));
  }

  /** Everything that counts against no limit. */
  #serveRest(exchange: Exchange, path: string): void {
    const { req } = exchange;
    req.resume();
    const dialect = req.headers['anthropic-version'] === undefined ? 'openai' : 'anthropic';
    if (req.method !== 'GET' || path !== '/v1/models') {
      const message = `Unknown request URL: ${String(req.method)} ${path}`;
      this.#refuse(exchange, dialect, { status: 404, message, code: 'unknown_url' });
    } else if (!this.ledger.knows(credentialOf(req))) {
      this.#refuse(exchange, dialect, UNKNOWN_CREDENTIAL);
    } else {
      exchange.head(200, { 'content-type': 'application/json' });
      exchange.end(modelList(this.#models.size > 0 ? [...this.#models.keys()] : DEFAULT_MODELS));
    }
  }

  #refuse(
    exchange: Exchange,
    dialect: Dialect,
    refusal: Refusal,
    { retryAfterMs }: Behaviour = this.#behaviour,
  ): void {
    const headers: OutgoingHttpHeaders = { 'content-type': 'application/json' };
    if (isTemporary(refusal.status)) {
      headers['retry-after'] = String(retryAfterSeconds(retryAfterMs));
      headers['retry-after-ms'] = String(retryAfterMs);
    }
    exchange.head(refusal.status, headers);
    exchange.end(refusalBody(dialect, refusal));
  }
}

/** The bearer token, or Anthropic's x-api-key; empty without either. */
function credentialOf({ headers }: IncomingMessage): string {
  const key = headers['x-api-key'];
  if (typeof key === 'string') return key;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}
