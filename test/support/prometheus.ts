// A real Prometheus with the configuration that the product ships, but other targets and a faster
// pace. Ends with its test.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ADMIN_TOKEN } from './admin-api.ts';
import { eventually } from './eventually.ts';
import { startProcess } from './process.ts';
import { OPS } from './rules.ts';
import { freePorts } from './servers.ts';
import { temporaryDirectory } from './temporary.ts';

export interface PrometheusOptions {
  readonly program: string;
  /** URLs of daemons. */
  readonly daemons: readonly string[];
  /** URL of an Alertmanager; without one nothing is sent. */
  readonly alertmanager?: string;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface TestPrometheus {
  readonly url: string;
  /** Rejects with what Prometheus says where it does not understand. */
  query(expr: string): Promise<readonly Sample[]>;
  /** Names of the rules that fire. */
  firing(): Promise<readonly string[]>;
}

interface ShippedConfig {
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly Readonly<Record<string, unknown>>[];
}

const hostOf = (url: string): string => new URL(url).host;
const staticTo = (urls: readonly string[]) => [{ targets: urls.map(hostOf) }];

/** What is shipped, on other targets: services of the composition have names there. */
function configFor({ daemons, alertmanager }: PrometheusOptions): string {
  const directory = join(OPS, 'prometheus');
  const shipped = parse(readFileSync(join(directory, 'prometheus.yml'), 'utf8')) as ShippedConfig;
  const { rule_files: files, scrape_configs: jobs, ...rest } = shipped;
  return JSON.stringify({
    ...rest,
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: files.map((file) => join(directory, file)),
    alerting: {
      alertmanagers:
        alertmanager === undefined ? [] : [{ static_configs: staticTo([alertmanager]) }],
    },
    scrape_configs: jobs.map((job) => {
      return {
        ...job,
        dns_sd_configs: [],
        authorization: { credentials: ADMIN_TOKEN },
        static_configs: staticTo(daemons),
      };
    }),
  });
}

export async function startPrometheus(options: PrometheusOptions): Promise<TestPrometheus> {
  const [port = 0] = await freePorts(1);
  const directory = await temporaryDirectory();
  const file = join(directory, 'prometheus.yml');
  await writeFile(file, configFor(options));
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${path}`);
    const body = (await answer.json()) as { readonly data?: unknown; readonly error?: string };
    if (body.data === undefined) throw new Error(`Prometheus: ${body.error ?? 'no data'}`);
    return body.data;
  };
  startProcess(options.program, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  await eventually(async () => {
    const answer = await fetch(`${url}/-/ready`);
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  });
  return {
    url,
    query: async (expr) => {
      const data = await ask(`query?query=${encodeURIComponent(expr)}`);
      return (data as { readonly result: readonly Sample[] }).result;
    },
    firing: async () => {
      const { alerts } = (await ask('alerts')) as {
        readonly alerts: readonly {
          readonly labels: { readonly alertname: string };
          state: string;
        }[];
      };
      return alerts.filter((one) => one.state === 'firing').map((one) => one.labels.alertname);
    },
  };
}
