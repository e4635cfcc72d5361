/**
 * Ports on loopback for processes that take a number instead of choosing one.
 *
 * @module
 */

/** A port that is free now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * Resolves once something accepts connections on `port`.
 *
 * @throws when nothing does within 20 s.
 */
export async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      using _conn = await Deno.connect({ hostname: "127.0.0.1", port });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
