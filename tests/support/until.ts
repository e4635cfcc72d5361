/**
 * Waits in real time for sockets and processes.
 *
 * @module
 */

/**
 * Waits until `check` holds; it is called every few ms.
 *
 * @param what names the condition in the error, as it is when the time is over
 * @throws Error when it does not hold within `timeoutMs`
 */
export async function until(
  what: string | (() => string),
  check: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!await check()) {
    if (performance.now() > deadline) {
      const text = typeof what === "string" ? what : what();
      throw new Error(`Not within ${timeoutMs} ms: ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
