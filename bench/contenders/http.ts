// Everything that listens on HTTP in the proxy scenarios, each a process of its own: the upstream
// (nginx with a fixed answer, so that it is never the slowest), and the proxies in front of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startChild, type Child } from '../harness/children.ts';
import { peerFolder } from '../harness/peers.ts';
import type { Bench } from '../harness/scenario.ts';
import { findTool } from '../harness/tools.ts';

/** A server under load. */
export interface HttpServer {
  readonly child: Child;
  readonly origin: string;
  /** Headers that a client must send beside the usual ones. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The fixed answer of the upstream: a chat completion of about half a kilobyte. */
const ANSWER = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-4',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'word '.repeat(40) },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 200, completion_tokens: 40, total_tokens: 240 },
});

/** nginx that answers every request with the same completion. */
export async function staticUpstream(bench: Bench): Promise<HttpServer> {
  return nginx(bench, 'upstream', (port) => [
    `server { listen 127.0.0.1:${port} backlog=4096;`,
    `location / { default_type application/json; return 200 '${ANSWER}'; } }`,
  ]);
}

/**
 * nginx that answers every request with 501: a failure that is tried elsewhere and says nothing about
 * the account, so that none is left alone.
 */
export async function failingUpstream(bench: Bench): Promise<HttpServer> {
  const body = JSON.stringify({ error: { message: 'not here', type: 'server_error' } });
  return nginx(bench, 'failing', (port) => [
    `server { listen 127.0.0.1:${port} backlog=4096;`,
    `location / { default_type application/json; return 501 '${body}'; } }`,
  ]);
}

/** nginx as a reverse proxy with upstream keep-alive, one worker, no access log. */
export async function nginxProxy(bench: Bench, upstreamPort: number): Promise<HttpServer> {
  return nginx(bench, 'proxy', (port) => [
    `upstream origin { server 127.0.0.1:${upstreamPort}; keepalive 256;`,
    'keepalive_requests 1000000000; }',
    `server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_pass http://origin;`,
    "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffering off; } }",
  ]);
}

async function nginx(
  bench: Bench,
  role: string,
  server: (port: number) => readonly string[],
): Promise<HttpServer> {
  const { path, env } = await findTool('nginx');
  const port = await freePort();
  const file = join(bench.directory, `nginx-${role}-${port}.conf`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(bench.directory, `${role}-${kind}`)};`,
  );
  const lines = [
    `daemon off; worker_processes 1; pid ${file}.pid; error_log stderr error;`,
    'events { worker_connections 8192; }',
    'http { access_log off; keepalive_requests 1000000000;',
    ...temporary,
    ...server(port),
    '}',
  ];
  writeFileSync(file, lines.join('\n'));
  const args = ['-e', 'stderr', '-p', bench.directory, '-c', file];
  return listen(bench, { command: path, args, env, port });
}

/** node:http and undici's dispatch without anything else, on this very Node. */
export async function bareProxy(bench: Bench, upstreamPort: number): Promise<HttpServer> {
  const port = await freePort();
  const script = fileURLToPath(new URL('bare-proxy.mjs', import.meta.url));
  const args = [script, String(port), `http://127.0.0.1:${upstreamPort}`];
  return listen(bench, { command: process.execPath, args, port });
}

/** An upstream of endless streams. */
export async function streamingUpstream(bench: Bench): Promise<HttpServer> {
  const port = await freePort();
  const script = fileURLToPath(new URL('streaming-upstream.mjs', import.meta.url));
  return listen(bench, { command: process.execPath, args: [script, String(port)], port });
}

/** Portkey's gateway from npm, on this very Node, its provider pointed at the upstream. */
export async function portkey(bench: Bench, upstreamPort: number): Promise<HttpServer> {
  const port = await freePort();
  const folder = peerFolder('@portkey-ai/gateway');
  const server = await listen(bench, {
    command: process.execPath,
    args: ['build/start-server.js', '--headless', `--port=${port}`],
    cwd: folder,
    env: { ...process.env, NODE_ENV: 'production' },
    port,
  });
  const headers = {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
  };
  return { ...server, headers };
}

async function listen(
  bench: Bench,
  options: Parameters<typeof startChild>[1],
): Promise<HttpServer> {
  const child = await startChild(bench, options);
  return { child, origin: `http://127.0.0.1:${options.port}`, headers: {} };
}
