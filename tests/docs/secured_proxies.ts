/**
 * Proxies without and with TLS, client certificates and tokens, whose quotes never end.
 *
 * @module
 */
import { digestOf } from "../support/access.ts";
import { type Harness, startHarness } from "../support/harness.ts";
import { PROXY_CA, tlsEnvironment } from "../support/proxy_certificates.ts";
import { until } from "../support/until.ts";

/** The token of the policy. */
export const TOKEN = "token-of-the-documented-clients";

/** What a proxy asks of its clients. */
export type Protection = "none" | "tls" | "certificate" | "token" | "token without TLS";

const POLICY = JSON.stringify({
  roles: { reader: {} },
  identities: [
    { name: "by-token", role: "reader", tokens: [digestOf(TOKEN)] },
    { name: "by-certificate", role: "reader", certificates: ["spiffe://quant/dashboard"] },
  ],
});

const SETTINGS: Readonly<Record<Protection, Readonly<Record<string, string>>>> = {
  none: {},
  tls: tlsEnvironment(),
  certificate: { ...tlsEnvironment("require"), STREAM_PROXY_ACCESS: POLICY },
  token: { ...tlsEnvironment(), STREAM_PROXY_ACCESS: POLICY },
  "token without TLS": { STREAM_PROXY_ACCESS: POLICY },
};

const QUOTE_INTERVAL_MS = 50;

/** URL of a proxy's health port. */
export function webAddress({ health }: Harness, protection: Protection): string {
  const hasTls = "STREAM_PROXY_TLS_CERT" in SETTINGS[protection];
  return hasTls ? health.replace("http:", "https:") : health;
}

/** Until then the proxy reports NOT_SERVING. */
async function untilReady(health: string): Promise<void> {
  using client = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  await until("the proxy is ready", async () => {
    const response = await fetch(`${health}/readyz`, { client });
    await response.body?.cancel();
    return response.ok;
  });
}

/** One proxy of each kind, started when it is first needed; leaving its scope stops them. */
export class SecuredProxies implements AsyncDisposable {
  readonly #started = new Map<Protection, Promise<Harness>>();
  readonly #parts = new AsyncDisposableStack();
  readonly #origins: readonly string[];

  /** @param origins of web pages that may call */
  constructor(origins: readonly string[] = []) {
    this.#origins = origins;
  }

  /** Starts a proxy with a protection, or gives the running one. */
  get(protection: Protection): Promise<Harness> {
    const found = this.#started.get(protection) ?? this.#start(protection);
    this.#started.set(protection, found);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  async #start(protection: Protection): Promise<Harness> {
    const env = {
      ...SETTINGS[protection],
      STREAM_PROXY_DRAIN_SECS: "1",
      ...this.#origins.length > 0 && { STREAM_PROXY_CORS_ORIGINS: this.#origins.join(",") },
    };
    const harness = this.#parts.use(await startHarness({ env }));
    await untilReady(webAddress(harness, protection));
    const quote = { T: "q", S: "AAPL", bp: 1, ap: 2, t: "2026-01-05T14:30:00Z" };
    const venue = { bx: "Q", bs: 100, ax: "P", as: 100, c: ["R"], z: "C" };
    const timer = setInterval(
      () => harness.simulator.emit("sip", [{ ...quote, ...venue }]),
      QUOTE_INTERVAL_MS,
    );
    this.#parts.defer(() => clearInterval(timer));
    return harness;
  }
}
