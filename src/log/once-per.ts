// How often the same line may be logged. It writes none.

/** Whether its caller's turn has come again. */
export function oncePer(intervalMs: number): () => boolean {
  let lastAtMs = -Infinity;
  return () => {
    if (performance.now() - lastAtMs < intervalMs) return false;
    lastAtMs = performance.now();
    return true;
  };
}
