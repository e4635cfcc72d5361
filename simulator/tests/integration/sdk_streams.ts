/**
 * Streams with the official npm SDK, as commands on the standard input say, one JSON object a
 * line. Prints what it receives the same way.
 *
 * Arguments: base URL of the streams, key id, secret, kinds of streams.
 */
import { createInterface } from "node:readline";
import process from "node:process";

interface Command {
  readonly do: "connect" | "subscribe" | "unsubscribe";
  readonly kind: string;
  readonly channel: string;
  readonly symbols: readonly string[];
}

/** A stream of the SDK; its methods are named after the channels. */
interface Stream {
  connect(): void;
  disconnect(): void;
  on(event: string, listener: (item: unknown) => void): this;
}
type Methods = Readonly<Record<string, (symbols?: readonly string[]) => unknown>>;

/** Events of the SDK by channel. */
const EVENTS = {
  trades: "trade",
  quotes: "quote",
  bars: "bar",
  updatedBars: "updated_bar",
  dailyBars: "daily_bar",
  statuses: "status",
  lulds: "luld",
  imbalances: "imbalance",
  corrections: "correction",
  cancelErrors: "cancel_error",
  orderbooks: "orderbook",
  news: "news",
};

function methodsOf(stream: Stream): Methods {
  return stream as unknown as Methods;
}

function print(channel: string, item: unknown): void {
  const text = (_: string, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value instanceof Map ? [...value] : value;
  process.stdout.write(`${JSON.stringify({ channel, item }, text)}\n`);
}

const [base = "", keyId = "", secret = "", kinds = ""] = Deno.args;
const entry = import.meta.resolve("@alpacahq/alpaca-trade-api");
// The package offers Deno a build without streams; the complete one lies beside it.
const { streaming } = await import(new URL("./index.mjs", entry).href);
const credentials = { keyId, secret };
const streams = new Map<string, Stream>();
const made: Record<string, () => Stream> = {
  stocks: () => new streaming.StockDataStream({ credentials, url: `${base}/v2/sip` }),
  options: () => new streaming.OptionDataStream({ credentials, url: `${base}/v1beta1/opra` }),
  crypto: () => new streaming.CryptoDataStream({ credentials, url: `${base}/v1beta3/crypto/us` }),
  news: () => new streaming.NewsStream({ credentials, url: `${base}/v1beta1/news` }),
  orders: () => new streaming.TradingStream({ credentials, url: `${base}/stream` }),
};
for (const kind of kinds.split(",")) {
  const stream = made[kind]?.();
  if (!stream) throw new Error(`Unknown kind ${kind}`);
  streams.set(kind, stream);
  stream.on("error", (error) => process.stderr.write(`${kind}: ${error}\n`));
  if (kind === "orders") {
    stream.on("trade_update", (item) => print("orders", item));
    methodsOf(stream)["subscribeTradeUpdates"]?.();
  }
  for (const [channel, event] of Object.entries(EVENTS)) {
    stream.on(event, (item) => print(`${kind} ${channel}`, item));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, kind, channel, symbols } = JSON.parse(line) as Command;
  if (what === "connect") {
    for (const stream of streams.values()) stream.connect();
    continue;
  }
  const name = channel.charAt(0).toUpperCase() + channel.slice(1);
  const method = what === "subscribe" ? `subscribeFor${name}` : `unsubscribeFrom${name}`;
  const stream = streams.get(kind);
  if (stream) methodsOf(stream)[method]?.(symbols);
}
for (const stream of streams.values()) stream.disconnect();
