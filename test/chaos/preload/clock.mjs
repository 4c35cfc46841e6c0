// Loaded before a daemon: from its first SIGUSR2 on, its wall clock is CHAOS_MS off; the next one
// sets it right. The monotonic clock goes on, as it does on a real machine.
const shiftMs = Number(process.env.CHAOS_MS);
const RealDate = Date;
let isOff = false;

const now = () => RealDate.now() + (isOff ? shiftMs : 0);

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, self) =>
    Reflect.construct(target, args.length > 0 ? args : [now()], self),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

process.on('SIGUSR2', () => {
  isOff = !isOff;
});
