// A real Alertmanager for one test, which may go and come back at its port, and a place that listens:
// for its notifications, or for our own webhook.
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { startProcess, type RunningProcess } from './process.ts';
import { freePorts } from './servers.ts';
import { temporaryDirectory } from './temporary.ts';

export interface Call {
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export interface Listener {
  readonly url: string;
  readonly calls: readonly Call[];
  /** What it answers from now on; 200 at first. */
  answer(status: number): void;
}

/** Keeps what is posted to it. Ends with its test. */
export async function aListener(): Promise<Listener> {
  const calls: Call[] = [];
  let status = 200;
  const server = createServer((req, res) => {
    let text = '';
    req.setEncoding('utf8').on('data', (part: string) => (text += part));
    req.on('end', () => {
      calls.push({ headers: req.headers, text, body: JSON.parse(text) as Call['body'] });
      res.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    calls,
    answer: (next) => (status = next),
  };
}

export interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly status: { readonly state: string };
}

export interface TestAlertmanager {
  readonly url: string;
  start(): Promise<void>;
  /** kill -9: it forgets its alerts. */
  kill(): Promise<void>;
  /** What fires there. */
  alerts(): Promise<readonly KnownAlert[]>;
}

export interface TestAlertmanagerOptions {
  readonly program: string;
  /** Where it sends notifications, at once; without one it sends none. */
  readonly notify?: string;
}

/** Not started yet. Ends with its test. */
export async function anAlertmanager(options: TestAlertmanagerOptions): Promise<TestAlertmanager> {
  const [port = 0] = await freePorts(1);
  const directory = await temporaryDirectory();
  const file = join(directory, 'alertmanager.yml');
  await writeFile(file, configuration(options.notify));
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${file}`,
    `--storage.path=${directory}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ];
  let running: RunningProcess | undefined;
  return {
    url,
    start: async () => {
      running = startProcess(options.program, args);
      await eventually(async () => {
        const answer = await fetch(`${url}/-/ready`);
        if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      });
    },
    kill: async () => {
      running?.kill('SIGKILL');
      await running?.ended;
    },
    alerts: async () =>
      (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly KnownAlert[],
  };
}

function configuration(notify: string | undefined): string {
  const receiver = { name: 'test', ...(notify && { webhook_configs: [{ url: notify }] }) };
  const route = {
    receiver: 'test',
    group_by: ['...'],
    group_wait: '100ms',
    group_interval: '200ms',
    repeat_interval: '1h',
  };
  return JSON.stringify({ global: { resolve_timeout: '5m' }, route, receivers: [receiver] });
}

/** Alerts in Alertmanager's notifications, by name and label: how often they began and ended. */
export function notified(listener: Listener): ReadonlyMap<string, readonly string[]> {
  const seen = new Map<string, string[]>();
  for (const { body } of listener.calls) {
    for (const alert of body['alerts'] as readonly Notified[]) {
      const { alertname, account = '' } = alert.labels;
      const key = `${alertname} ${account}`.trim();
      seen.set(key, [...(seen.get(key) ?? []), alert.status]);
    }
  }
  return seen;
}

interface Notified {
  readonly status: string;
  readonly labels: { readonly alertname: string; readonly account?: string };
}
