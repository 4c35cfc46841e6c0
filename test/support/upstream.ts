// An upstream that a test scripts by hand, for what no well-behaved server does: resets, silence,
// broken answers. It remembers what it was sent. Stopped when the test that started it ends.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface SeenRequest {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export type Script = (seen: SeenRequest, res: ServerResponse, socket: Socket) => void;

export interface ScriptedUpstream {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  /** Requests whose connection is open and whose answer is not complete. */
  readonly open: number;
  /** Resolves when the next request's connection is closed before its answer was complete. */
  nextAborted(): Promise<void>;
}

export const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-4-0613',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

/** Answers as a good upstream does. */
export const answerWell: Script = (_seen, res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(ANSWER);
};

export async function startUpstream(script: Script = answerWell): Promise<ScriptedUpstream> {
  const seen: SeenRequest[] = [];
  let open = 0;
  let aborted: (() => void)[] = [];
  const server = createServer((req, res) => {
    open += 1;
    res.once('close', () => {
      open -= 1;
      if (res.writableFinished) return;
      for (const resolve of aborted) resolve();
      aborted = [];
    });
    void read(req).then((body) => {
      const request = { url: req.url ?? '', headers: req.headers, body };
      seen.push(request);
      script(request, res, req.socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get open() {
      return open;
    },
    nextAborted: () => new Promise((resolve) => aborted.push(resolve)),
  };
}

async function read(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of req) chunks.push(chunk as Buffer);
  } catch {
    // The proxy left in mid-request; what came is all there is.
  }
  return Buffer.concat(chunks);
}
