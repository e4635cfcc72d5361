/**
 * The image's health check: `GET /healthz` of the proxy in the same container.
 * Exits with 0 on status 200, otherwise with 1 and a reason.
 *
 * @module
 */

/** Timeout of the request. */
const TIMEOUT_MS = 4_000;

/** Why the proxy is unhealthy; undefined when it is healthy. */
export async function whyUnhealthy(url: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { signal });
    const text = await response.text();
    return response.ok ? undefined : `${url} answered ${response.status} ${text}`;
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
