/**
 * The image's health check: `GET /healthz` of the proxy in the same container.
 * Ends with 0 when it answers 200, with 1 and a reason otherwise.
 *
 * @module
 */

/** Longest that the answer may take, in ms. */
const PATIENCE_MS = 4_000;

/** Why the proxy is not healthy; undefined when it is. */
export async function whyUnhealthy(url: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(url, { signal });
    const text = await response.text();
    return response.ok
      ? undefined
      : `${url} answered ${response.status} ${text}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${url}: ${cause instanceof Error ? cause.message : message}`;
  }
}

if (import.meta.main) {
  const port = Deno.env.get("STREAM_PROXY_HEALTH_PORT") || "8082";
  const reason = await whyUnhealthy(`http://127.0.0.1:${port}/healthz`);
  if (reason !== undefined) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${reason}\n`));
    Deno.exit(1);
  }
}
