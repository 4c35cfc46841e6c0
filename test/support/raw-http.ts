// HTTP by hand, for bytes that no client library would send.
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  /** Everything that came back, until the server closed or fell silent. */
  readonly text: string;
  /** Of the first answer; undefined when there was none. */
  readonly status: number | undefined;
  readonly closed: boolean;
}

export interface RawOptions {
  /** Time in ms without a byte after which waiting ends; the server may also close before. */
  readonly silenceMs?: number;
}

/** Sends bytes (text is taken as Latin-1) in one write and reads what comes. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  { silenceMs = 300 }: RawOptions = {},
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    const finish = (closed: boolean): void => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      resolve({ text, status: status === undefined ? undefined : Number(status), closed });
      socket.destroy();
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('close', () => finish(true));
    socket.on('error', () => finish(true));
    socket.setTimeout(silenceMs, () => finish(false));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

/** An open connection on which a test writes as slowly as it likes. */
export function openRaw(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The JSON bodies in what came back. */
export function bodiesOf({ text }: RawAnswer): readonly unknown[] {
  return text
    .split('\r\n\r\n')
    .slice(1)
    .map((rest) => rest.split('HTTP/1.1 ')[0] ?? '')
    .filter((body) => body.startsWith('{'))
    .map((body): unknown => JSON.parse(body));
}
