/** A repeat of a signal within this time of the first one is its echo, in ms. */
const ECHO_MS = 500;

/**
 * Tells a second request to stop from the echo of the first one.
 *
 * Ctrl-C in a terminal reaches a child of `deno task` twice within a
 * millisecond or two: from the terminal, which signals the whole process group,
 * and from its parent, which passes the signal on. Taking the echo for
 * impatience would end the process before it has said goodbye upstream.
 *
 * @param now monotonic ms
 * @returns a function to call per signal; it says which one it is
 */
export function signalCounter(
  now: () => number,
): () => "first" | "echo" | "second" {
  let firstAt: number | undefined;
  return () => {
    if (firstAt === undefined) {
      firstAt = now();
      return "first";
    }
    return now() - firstAt < ECHO_MS ? "echo" : "second";
  };
}
