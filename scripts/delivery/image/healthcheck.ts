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

/** A variable with a value that may be read. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) || undefined : undefined;
}

if (import.meta.main) {
  const port = variable("STREAM_PROXY_HEALTH_PORT") ?? "8082";
  const hasCertificate = variable("STREAM_PROXY_TLS_CERT") ??
    variable("STREAM_PROXY_TLS_CERT_FILE");
  const ports = variable("STREAM_PROXY_TLS_PORTS") ?? "health";
  const scheme = hasCertificate && ports.toLowerCase().includes("health") ? "https" : "http";
  const reason = await whyUnhealthy(`${scheme}://127.0.0.1:${port}/healthz`);
  if (reason !== undefined) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${reason}\n`));
    Deno.exit(1);
  }
}
