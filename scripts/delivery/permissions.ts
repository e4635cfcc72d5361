/**
 * What the proxy may do in its image, worked out from the table of settings.
 *
 * @module
 */
import {
  ALL_SETTINGS,
  SETTINGS,
} from "../../src/infrastructure/config/settings.ts";
import {
  DATA_API_URL,
  optionStreamUrl,
  stockStreamUrl,
  tradingHost,
} from "../../src/infrastructure/config/upstream_urls.ts";

/** Read besides the settings: by the runtime's switches, by grpc-js and by ws. */
export const RUNTIME_VARIABLES: readonly string[] = [
  "OTEL_DENO",
  "OTEL_DENO_CONSOLE",
  "GRPC_*",
  "WS_*",
];

/** Every host of Alpaca that any setting can lead to. */
export const ALPACA_HOSTS: readonly string[] = [
  ...new Set([
    new URL(stockStreamUrl("sip")).hostname,
    new URL(optionStreamUrl("opra")).hostname,
    new URL(DATA_API_URL).hostname,
    tradingHost("LIVE"),
    tradingHost("PAPER"),
  ]),
];

/** Names of all variables that the program reads. */
export function variables(): string[] {
  const names = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);
  return [...names, ...RUNTIME_VARIABLES];
}

/** The default `--allow-net`: the three ports, and Alpaca by TLS. */
export function network(): string[] {
  const host = SETTINGS.host.fallback;
  const ports = [SETTINGS.grpcPort, SETTINGS.healthPort, SETTINGS.metricsPort];
  return [
    ...ports.map((port) => `${host}:${port.fallback}`),
    ...ALPACA_HOSTS.map((name) => `${name}:443`),
  ];
}

/** The `CMD` of the Dockerfile. */
export function dockerCommand(): string {
  return `CMD ["--allow-env=${variables().join(",")}", \\
     "--allow-net=${network().join(",")}", \\
     "/app/src/start.ts"]`;
}
