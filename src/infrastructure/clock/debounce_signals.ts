/** Repeats within this time of the first signal are duplicates, in ms. */
const DEBOUNCE_MS = 500;

/**
 * Distinguishes a second stop request from a duplicate of the first.
 *
 * Ctrl-C in a terminal reaches a child of `deno task` twice within one or two
 * milliseconds: from the terminal, which signals the whole process group, and
 * from its parent, which forwards the signal. Treating the duplicate as a
 * second request would end the process before its upstream sessions are closed.
 *
 * @param now monotonic ms
 * @returns a function to call per signal; it classifies the signal
 */
export function debounceSignals(now: () => number): () => "first" | "duplicate" | "second" {
  let firstAt: number | undefined;
  return () => {
    if (firstAt === undefined) {
      firstAt = now();
      return "first";
    }
    return now() - firstAt < DEBOUNCE_MS ? "duplicate" : "second";
  };
}
