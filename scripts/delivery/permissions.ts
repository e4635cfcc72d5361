/**
 * Derives the permissions of the proxy in its image from the settings.
 *
 * @module
 */
import { NEIGHBOURS } from "../../src/infrastructure/config/environment.ts";
import { ALL_SETTINGS, SETTINGS } from "../../src/infrastructure/config/settings.ts";
import {
  DATA_API_URL,
  optionStreamUrl,
  stockStreamUrl,
  tradingHost,
} from "../../src/infrastructure/config/upstream_urls.ts";

/** Variables beside the settings, read by Deno and ws. */
export const RUNTIME_VARIABLES: readonly string[] = [
  "OTEL_DENO",
  "OTEL_DENO_CONSOLE",
  "WS_*",
];

/** Alpaca hosts that some combination of settings connects to. */
export const ALPACA_HOSTS: readonly string[] = [
  ...new Set([
    new URL(stockStreamUrl("sip")).hostname,
    new URL(optionStreamUrl("opra")).hostname,
    new URL(DATA_API_URL).hostname,
    tradingHost("LIVE"),
    tradingHost("PAPER"),
  ]),
];

/** Names of all variables that the program reads, also to explain that they have no effect. */
export function allowedVariables(): string[] {
  const names = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);
  return [...names, ...Object.keys(NEIGHBOURS), ...RUNTIME_VARIABLES];
}

/** Addresses of the default `--allow-net`: four ports and Alpaca over TLS. */
export function allowedAddresses(): string[] {
  const host = SETTINGS.STREAM_PROXY_HOST.default;
  const ports = [
    SETTINGS.STREAM_PROXY_GRPC_PORT,
    SETTINGS.STREAM_PROXY_WEBSOCKET_PORT,
    SETTINGS.STREAM_PROXY_HEALTH_PORT,
    SETTINGS.STREAM_PROXY_METRICS_PORT,
  ];
  return [
    ...ports.map((port) => `${host}:${port.default}`),
    ...ALPACA_HOSTS.map((name) => `${name}:443`),
  ];
}

/** The `CMD` instruction of the Dockerfile. */
export function dockerCommand(): string {
  return `CMD ["--allow-env=${allowedVariables().join(",")}", \\
     "--allow-net=${allowedAddresses().join(",")}", \\
     "/app/src/start.ts"]`;
}
