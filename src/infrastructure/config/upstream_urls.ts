/**
 * Alpaca's own addresses, and which addresses need encryption.
 *
 * @module
 */
import type {
  CryptoLocation,
  Environment,
  OptionFeedKind,
  StockFeedKind,
} from "../../domain/connection/feed.ts";

const DATA_STREAM = "wss://stream.data.alpaca.markets";

/** Base of the market data REST API. */
export const DATA_API_URL = "https://data.alpaca.markets";

/** Address of a stock feed (Alpaca docs, "Real-time Stock Data"). */
export function stockStreamUrl(feed: StockFeedKind): string {
  const version = feed === "boats" || feed === "overnight" ? "v1beta1" : "v2";
  return `${DATA_STREAM}/${version}/${feed}`;
}

/** Address of an option feed (Alpaca docs, "Real-time Option Data"). */
export function optionStreamUrl(feed: OptionFeedKind): string {
  return `${DATA_STREAM}/v1beta1/${feed}`;
}

/** Address of a crypto location (Alpaca docs, "Real-time Crypto Data"). */
export function cryptoStreamUrl(location: CryptoLocation): string {
  return `${DATA_STREAM}/v1beta3/crypto/${location}`;
}

/** Address of the news (Alpaca docs, "Real-time News"). */
export const NEWS_STREAM_URL = `${DATA_STREAM}/v1beta1/news`;

/** Host of the trading API and its stream (Alpaca docs, "Websocket Streaming"). */
export function tradingHost(environment: Environment): string {
  return environment === "LIVE" ? "api.alpaca.markets" : "paper-api.alpaca.markets";
}

/** Whether credentials sent to `url` could be read in transit. */
export function isExposed(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return (protocol === "ws:" || protocol === "http:") && !isLoopback(hostname);
}

/** Whether a host, maybe one of a URL, is this machine: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(hostname: string): boolean {
  return ["localhost", "::1", "[::1]"].includes(hostname) ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
