// Loaded before a daemon: at SIGUSR2 its event loop stands still for CHAOS_MS.
const ms = Number(process.env.CHAOS_MS);

process.on('SIGUSR2', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
});
