// The two sides of a request as the gateway uses them: where it is read from, and where its answer
// goes. A client's connection has both; a request from inside has neither socket nor client.
import type { IncomingHttpHeaders } from 'node:http';

/** What of an IncomingMessage is read. */
export interface Asking {
  readonly headers: IncomingHttpHeaders;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  once(event: 'end', listener: () => void): unknown;
}

/** What of a ServerResponse is written. */
export interface Answering {
  readonly headersSent: boolean;
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  /** Flat names and values. */
  writeHead(status: number, headers: string[]): unknown;
  /** Whether more may come at once; otherwise `drain` tells when. */
  write(chunk: Buffer | string): boolean;
  end(): unknown;
  destroy(): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  setTimeout(ms: number, onDue: () => void): unknown;
}
