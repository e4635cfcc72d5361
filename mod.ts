/**
 * Alpaca Stream Proxy: one process holds the only connections that Alpaca
 * Markets allows an account, and serves them to any number of gRPC clients.
 *
 * Run directly, this module is the program: it reads its settings from
 * environment variables and runs until SIGTERM or SIGINT. Imported, it starts
 * nothing and provides the same program as a library:
 *
 * ```ts ignore
 * import { parseConfig, startProxy } from "@alpaca-stream-proxy/proxy";
 *
 * const config = parseConfig({ ALPACA_KEY: "…", ALPACA_SECRET: "…" });
 * await using proxy = await startProxy(config);
 * console.log(`gRPC on port ${proxy.ports.grpc}`);
 * await proxy.finished;
 * ```
 *
 * @module
 */
import { main } from "./src/main.ts";
import { startRole } from "./src/composition/roles.ts";

export type { Clock } from "./src/application/ports/clock.ts";
export type { Log, LogControl, LogFields, LogLevel } from "./src/application/ports/log.ts";
export type { Span, SpanAttributes, Tracing } from "./src/application/ports/tracing.ts";
export type {
  CryptoLocation,
  Environment,
  FeedId,
  OptionFeedKind,
  StockFeedKind,
} from "./src/domain/connection/feed.ts";
export type { Grants, IdentityLimits } from "./src/domain/access/grants.ts";
export type { Patterns } from "./src/domain/access/patterns.ts";
export type {
  AccessPolicy,
  JwtAlgorithm,
  JwtRules,
  PolicyIdentity,
} from "./src/domain/access/policy.ts";
export type { ChannelName } from "./src/domain/market/channels.ts";
export type { OptionRight } from "./src/domain/options/contract.ts";
export type { OptionSelection } from "./src/domain/options/selection.ts";
export type { ChunkLimits, UpstreamChannel } from "./src/domain/subscription/pairs.ts";
export type { CountingRule, Plan } from "./src/domain/subscription/quota.ts";
export type { Dependencies } from "./src/composition/dependencies.ts";
export type {
  ClientAuth,
  KeyMaterial,
  TlsPort,
} from "./src/application/connections/connection_security.ts";
export type {
  AlpacaCredentials,
  Config,
  KeyPair,
  Listen,
  NatsSettings,
  TlsSettings,
} from "./src/infrastructure/config/config.ts";
export { ConfigError, type Problem } from "./src/infrastructure/config/config_error.ts";
export { parseConfig } from "./src/infrastructure/config/parse_config.ts";
export type { Role } from "./src/domain/cluster/role.ts";
export { Secret } from "./src/infrastructure/config/secret.ts";
export type { Env } from "./src/infrastructure/config/environment.ts";
export { type RunningHub, startHub } from "./src/composition/hub.ts";
export { type ProxyPorts, type RunningProxy, startProxy } from "./src/composition/proxy.ts";

if (import.meta.main) await main(startRole);
