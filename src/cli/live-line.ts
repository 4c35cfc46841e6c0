// One line that is drawn again and again on a terminal; elsewhere a line now and then, so that a
// log stays readable. It owns the pace.

export interface LiveLine {
  /** Shows `text` when it is time to; cheap to call too often. */
  show(text: () => string): void;
  /** Shows `text` for good and moves to the next line. */
  finish(text: string): void;
  /** Takes what is shown away, for what is printed elsewhere. */
  clear(): void;
}

const TERMINAL_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 5000;
const CLEAR = '\r\u001b[2K';

export function liveLine(stream: NodeJS.WriteStream): LiveLine {
  const interval = stream.isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
  let shownAt = stream.isTTY ? -Infinity : performance.now();
  let shown = '';
  return {
    show(text) {
      if (performance.now() - shownAt < interval) return;
      shownAt = performance.now();
      const line = text();
      if (line === shown) return;
      shown = line;
      stream.write(stream.isTTY ? CLEAR + line.slice(0, stream.columns - 1) : `${line}\n`);
    },
    finish(text) {
      stream.write(`${stream.isTTY ? CLEAR : ''}${text}\n`);
    },
    clear() {
      if (stream.isTTY) stream.write(CLEAR);
    },
  };
}
