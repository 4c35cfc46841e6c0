// What is made of something that may be replaced, such as a part of the configuration: made once,
// and anew when it has been replaced. It compares by identity and keeps the last one alone.

/** Gives `make(of())`, made again whenever `of()` is another object than at the last call. */
export function remade<Source, Made>(of: () => Source, make: (source: Source) => Made): () => Made {
  let source = of();
  let made = make(source);
  return () => {
    const now = of();
    if (now !== source) {
      made = make(now);
      source = now;
    }
    return made;
  };
}
