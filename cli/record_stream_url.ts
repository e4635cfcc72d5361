/**
 * A WebSocket stream to record, as a URL with its channels.
 *
 * @module
 */
import type { FeedId } from "../src/domain/connection/feed.ts";
import { STOCK_CHANNELS } from "../src/domain/subscription/pairs.ts";
import { UsageError } from "./flags.ts";

/** One stream with what is subscribed there. */
export interface RecordedStream {
  readonly feed: FeedId;
  /** Without the query. */
  readonly url: string;
  /** Symbols by channel; empty for trade updates. */
  readonly channels: Readonly<Record<string, readonly string[]>>;
}

const CRYPTO_CHANNELS = ["trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars"];

/** The feeds by the ends of their paths, with their channels. */
const PATHS: readonly {
  readonly feed: FeedId;
  readonly path: RegExp;
  readonly channels: readonly string[];
}[] = [
  {
    feed: "sip",
    path: /\/(sip|iex|delayed_sip|boats|overnight|test)$/,
    channels: STOCK_CHANNELS,
  },
  { feed: "opra", path: /\/(opra|indicative)$/, channels: ["trades", "quotes"] },
  { feed: "crypto", path: /\/crypto\/[a-z0-9-]+$/, channels: CRYPTO_CHANNELS },
  { feed: "news", path: /\/news$/, channels: ["news"] },
  { feed: "trading", path: /\/stream$/, channels: [] },
];

/** @throws {UsageError} for a URL that is no stream of Alpaca, or that subscribes to nothing */
export function parseStream(text: string): RecordedStream {
  const reject = (accepted: string) => new UsageError(`--stream ${text}`, accepted);
  const url = URL.parse(text);
  if (!url || !["ws:", "wss:"].includes(url.protocol)) {
    throw reject("it takes a URL such as ws://localhost:8765/v2/sip?trades=AAPL");
  }
  if (url.username || url.password) throw reject("credentials belong in variables: see --help");
  const known = PATHS.find(({ path }) => path.test(url.pathname.replace(/\/$/, "")));
  if (!known) throw reject("the path is that of a stream: /v2/sip, /v1beta1/opra, /stream, …");
  const channels: Record<string, readonly string[]> = {};
  for (const [name, value] of url.searchParams) {
    if (!known.channels.includes(name)) {
      const list = known.channels.join(", ") || "none";
      throw reject(`the channels of ${url.pathname} are ${list}, not ${name}`);
    }
    channels[name] = value.split(",").map((symbol) => symbol.trim()).filter(Boolean);
  }
  if (known.channels.length > 0 && Object.values(channels).flat().length === 0) {
    throw reject(
      `name symbols, as in ?${known.channels[0]}=${known.feed === "news" ? "*" : "A,B"}`,
    );
  }
  url.search = "";
  url.hash = "";
  return { feed: known.feed, url: url.href, channels };
}
