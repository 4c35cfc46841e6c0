// Bounds the memory of a command that reads very many records. V8 would rather take 100 MB more than
// collect what short-lived batches leave behind, and its flags cannot be given to a running program; so
// it is asked to collect now and then, some 20 ms each time.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Returns what to call for each batch; of each `every` calls, one collects. */
export function collector(every: number): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let calls = 0;
  return () => {
    calls += 1;
    if (calls % every === 0) collect();
  };
}
