/**
 * Builds the encryption of the ports, as part of the composition root.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { ConnectionLimits } from "../application/connections/connection_limits.ts";
import type { ConnectionSecurity } from "../application/connections/connection_security.ts";
import { supervise } from "../application/timing/supervise.ts";
import type { TlsCounters } from "../application/status/counters.ts";
import type { Dependencies } from "./dependencies.ts";
import { servesWebSocket } from "./feeds.ts";
import type { Config } from "../infrastructure/config/config.ts";
import { filesOf, readKeyMaterial } from "../infrastructure/config/key_material.ts";
import { isLoopback } from "../infrastructure/config/upstream_urls.ts";

/** What encrypts each port; undefined where it is not encrypted. */
interface Tls {
  readonly grpc: ConnectionSecurity<Socket> | undefined;
  readonly websocket: ConnectionSecurity<Socket> | undefined;
  readonly http: {
    readonly health: ConnectionSecurity<Socket> | undefined;
    readonly metrics: ConnectionSecurity<Socket> | undefined;
  };
  /** Loads new certificate files until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Builds it, and warns of ports that other machines reach without TLS. The adapter is loaded only
 * if TLS is configured.
 */
export async function buildTls(
  config: Config,
  { connections, counters, clock, log }: Pick<Dependencies, "clock" | "log"> & {
    readonly connections: ConnectionLimits;
    readonly counters: TlsCounters;
  },
): Promise<Tls> {
  const { material, ports, clientAuth = "require", ...settings } = config.tls;
  const { grpc, health } = config;
  const open = config.cluster.role === "hub"
    ? { health }
    : { grpc, ...(servesWebSocket(config) && { websocket: config.websocket }), health };
  const exposed = Object.entries(open)
    .filter(([name, { host }]) => !isLoopback(host) && !(material && ports.has(name as "grpc")))
    .map(([name]) => name);
  if (exposed.length > 0) {
    log.warn(
      "Other machines can reach ports without TLS: programs on the network between can read " +
        "the market data and orders. Set STREAM_PROXY_TLS_CERT and STREAM_PROXY_TLS_KEY, or " +
        "STREAM_PROXY_HOST=127.0.0.1, or rely on the network (docs/security.md)",
      { ports: exposed },
    );
  }
  if (material === undefined) {
    return {
      grpc: undefined,
      websocket: undefined,
      http: { health: undefined, metrics: undefined },
      run: () => Promise.resolve(),
    };
  }
  const { TlsPorts } = await import("../infrastructure/tls/tls_ports.ts");
  const { reloadCertificate } = await import("../infrastructure/tls/certificate_reload.ts");
  counters.expiresAt = material.expiresAt;
  const handshakeMs = config.limits.requestTimeoutMs;
  const tls = new TlsPorts({ material, clientAuth, handshakeMs, connections, clock });
  const httpPort = (port: "health" | "metrics") => ports.has(port) ? tls.http() : undefined;
  return {
    grpc: ports.has("grpc") ? tls.grpc() : undefined,
    websocket: ports.has("websocket") ? tls.websocket() : undefined,
    http: { health: httpPort("health"), metrics: httpPort("metrics") },
    run: (signal) => {
      if (filesOf(settings).length === 0) return Promise.resolve();
      return supervise((signal) =>
        reloadCertificate({
          read: (current) => readKeyMaterial(settings, clock.now(), current)?.material ?? current,
          ports: tls,
          counters,
          clock,
          log,
          signal,
        }), { clock, log, signal });
    },
  };
}
