/**
 * Tables and the state diagram of the documentation, made from descriptors,
 * declarations and functions of the program.
 *
 * @module
 */
import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { Setting } from "../../src/infrastructure/config/setting.ts";
import { ALL_SETTINGS, MAIN_SETTINGS } from "../../src/infrastructure/config/settings.ts";
import {
  type FeedId,
  type FeedKind,
  FEEDS,
  type OptionFeedKind,
  type StockFeedKind,
} from "../../src/domain/connection/feed.ts";
import {
  ConnectionStateSchema,
  FeedTypeSchema,
  StreamProxyService,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  cryptoStreamUrl,
  NEWS_STREAM_URL,
  optionStreamUrl,
  stockStreamUrl,
  tradingHost,
} from "../../src/infrastructure/config/upstream_urls.ts";
import { FEED_TYPES, STATES } from "../../src/infrastructure/grpc/encoding/status_response.ts";
import type { Metric } from "../../src/infrastructure/metrics/metric.ts";
import { METRICS } from "../../src/infrastructure/metrics/metrics.ts";
import type { EventSink } from "../../src/application/ports/event_sink.ts";
import type { MessageType } from "../../src/application/status/counters.ts";
import { OrderEvent } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { MessageHandlers } from "../../src/infrastructure/alpaca/decode.ts";
import { cryptoHandlers } from "../../src/infrastructure/alpaca/crypto_messages.ts";
import { newsHandlers } from "../../src/infrastructure/alpaca/news_messages.ts";
import { optionHandlers, stockHandlers } from "../../src/infrastructure/alpaca/messages.ts";
import { ORDER_ENUMS } from "../../src/domain/market/order_events.ts";
import { enumOf } from "../../src/infrastructure/grpc/encoding/order_enums.ts";
import {
  advance,
  DISCONNECTED,
  type Link,
  type LinkEvent,
  type LinkState,
} from "../../src/domain/connection/link.ts";
import { code, readSource, table } from "./markdown.ts";

/** The Markdown table of one section, header included, one row per variable. */
export function settingsTable(section: string): string {
  const rows = ALL_SETTINGS.filter((setting) => setting.section === section)
    .map((setting) =>
      `| ${nameCell(setting)} | ${defaultCell(setting)} | ${setting.description} |`
    );
  return [
    "| Variable | Default | Description |",
    "| --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function nameCell(setting: Setting<unknown>): string {
  const aliases = setting.aliases.map((alias) => `\`${alias}\``).join(", ");
  return `\`${setting.name}\`${aliases && ` (or ${aliases})`}`;
}

function defaultCell(setting: Setting<unknown>): string {
  return setting.default === undefined ? setting.whenUnset ?? "" : `\`${setting.default}\``;
}

const CONTRACT = "proto/cream/v1/stream_proxy.proto";

/** Every RPC with its request fields. */
export async function rpcTable(): Promise<string> {
  const comments = await protoComments();
  return table(
    ["RPC", "Request fields", "Description"],
    StreamProxyService.methods.map((method: DescMethod) => [
      code(method.name),
      method.input.fields.map((field: DescField) => code(field.name))
        .join(", ") || "none",
      comment(comments, method.name),
    ]),
  );
}

/** Every state of a feed's session. */
export async function stateTable(): Promise<string> {
  const comments = await protoComments();
  return table(
    ["State", "In health and metrics", "Number in gRPC", "Description"],
    Object.entries(STATES).map(([word, number]) => {
      const value = ConnectionStateSchema.value[number];
      return [
        code(value?.localName ?? ""),
        code(word satisfies string as LinkState),
        String(number),
        comment(comments, value?.name ?? ""),
      ];
    }),
  );
}

/** Every stream of Alpaca that a session can use, with its address. */
export async function feedTable(): Promise<string> {
  const comments = await protoComments();
  return table(
    ["Feed", "Setting", "Address", "`FeedType`", "Contents"],
    Object.entries(FEED_TYPES).map(([kind, number]) => {
      const value = FeedTypeSchema.value[number];
      const [feed, setting, address] = placeOf(kind as FeedKind);
      const name = `${code(value?.localName ?? "")} (${number})`;
      const contents = comment(comments, value?.name ?? "").replace(/\..*/s, "");
      return { feed, cells: [code(feed), setting, address, name, contents] };
    }).sort((one, other) => FEEDS.indexOf(one.feed) - FEEDS.indexOf(other.feed))
      .map(({ cells }) => cells),
  );
}

/** Feed, how it is chosen, and where it is. */
function placeOf(kind: FeedKind): [FeedId, string, string] {
  if (kind === "trade_updates") {
    return [
      "trading",
      code("CREAM_ENV"),
      (["PAPER", "LIVE"] as const)
        .map((word) => code(`wss://${tradingHost(word)}/stream`)).join(", "),
    ];
  }
  if (kind === "crypto") {
    return ["crypto", code("ALPACA_CRYPTO_LOCATION=us"), code(cryptoStreamUrl("us"))];
  }
  if (kind === "news") return ["news", "", code(NEWS_STREAM_URL)];
  return isOptionKind(kind)
    ? ["opra", code(`ALPACA_OPTIONS_FEED=${kind}`), code(optionStreamUrl(kind))]
    : ["sip", code(`ALPACA_FEED=${kind}`), code(stockStreamUrl(kind))];
}

function isOptionKind(
  kind: StockFeedKind | OptionFeedKind,
): kind is OptionFeedKind {
  return kind === "opra" || kind === "indicative";
}

/** Every metric. */
export function metricTable(): string {
  return table(
    ["Metric", "Type", "Labels", "Description"],
    Object.values<Metric>(METRICS).map(({ name, type, labels = [], help }) => [
      code(name),
      type,
      labels.map(code).join(", "),
      help,
    ]),
  );
}

function comment(comments: ReadonlyMap<string, string>, name: string): string {
  const text = comments.get(name);
  if (!text) throw new Error(`${CONTRACT} has no comment for ${name}`);
  return text;
}

const ENTRY = /^\s*(?:rpc\s+(\w+)\(|([A-Z][A-Z0-9_]*)\s*=\s*\d+;)/;

/** The comment above each RPC and enum value of the contract, by name. */
async function protoComments(): Promise<Map<string, string>> {
  const comments = new Map<string, string>();
  let comment: string[] = [];
  for (const line of (await readSource(CONTRACT)).split("\n")) {
    const [, text] = /^\s*\/\/\s?(.*)$/.exec(line) ?? [];
    if (text !== undefined) {
      comment.push(text);
      continue;
    }
    const [, rpc, value] = ENTRY.exec(line) ?? [];
    const name = rpc ?? value;
    if (name) comments.set(name, firstParagraph(comment));
    comment = [];
  }
  return comments;
}

/**
 * Every field or value of one message or enum of the contract, with its comment.
 *
 * @param kind what the first column contains
 */
export async function memberTable(
  kind: "Field" | "Notice" | "Value",
  name: string,
): Promise<string> {
  const contract = await readSource(CONTRACT);
  const [, body] = new RegExp(`^(?:message|enum) ${name} \\{\n(.*?)^\\}`, "ms").exec(contract) ??
    [];
  if (body === undefined) throw new Error(`${CONTRACT} has no ${name}`);
  const prefix = `${name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}_`;
  const rows = Array.from(body.matchAll(MEMBER), ([, comment = "", member = ""]) => [
    code(member.replace(prefix, "")),
    comment.replace(/\s*\/\/ ?/g, " ").trim(),
  ]);
  const isShown = ([member = ""]: string[]) =>
    member !== code("UNSPECIFIED") && member !== code("at");
  return table([kind, "Description"], rows.filter(isShown));
}

/** A comment and the member below it. */
const MEMBER = /((?:^ *\/\/.*\n)+) *(?:[\w.]+ )*(\w+) = \d+;/gm;

function firstParagraph(lines: readonly string[]): string {
  const end = lines.findIndex((line) => line.trim() === "");
  return lines.slice(0, end < 0 ? lines.length : end).join(" ").trim();
}

/** What Alpaca calls each type of message. */
const NAMES: Readonly<Partial<Record<MessageType, string>>> = {
  quote: "Quote",
  trade: "Trade",
  bar: "Minute bar",
  updated_bar: "Updated bar, after a late trade",
  daily_bar: "Daily bar, as it stands",
  status: "Trading status: halts and resumptions",
  luld: "Limit up, limit down bands",
  correction: "Trade correction",
  cancel_error: "Trade cancel or error",
  imbalance: "Order imbalance",
  orderbook: "Order book, whole (`r: true`) or its changes",
  article: "News article, or a new version of one",
};

/** Every type of message with its feed and its RPC. */
export function mappingTable(): string {
  const stocks = carried((sink) =>
    stockHandlers({
      quotes: sink("StreamQuotes"),
      trades: sink("StreamTrades"),
      bars: sink("StreamBars"),
      updatedBars: sink("StreamUpdatedBars"),
      dailyBars: sink("StreamDailyBars"),
      statuses: sink("StreamTradingStatuses"),
      bands: sink("StreamPriceBands"),
      corrections: sink("StreamTradeCorrections"),
      imbalances: sink("StreamImbalances"),
    })
  );
  const options = carried((sink) =>
    optionHandlers({
      quotes: sink("StreamOptionQuotes"),
      trades: sink("StreamOptionTrades"),
    })
  );
  const crypto = carried((sink) =>
    cryptoHandlers({
      quotes: sink("StreamCryptoQuotes"),
      trades: sink("StreamCryptoTrades"),
      bars: sink("StreamCryptoBars"),
      updatedBars: sink("StreamCryptoUpdatedBars"),
      dailyBars: sink("StreamCryptoDailyBars"),
      orderbooks: sink("StreamOrderbooks"),
    })
  );
  const news = carried((sink) => newsHandlers(sink("StreamNews"), 1));
  const rows = (feed: string, found: readonly Carried[]) =>
    found.map(({ word, type, rpc }) => [
      code(feed),
      code(word),
      NAMES[type] ?? type,
      rpc ? code(rpc) : "none: checked and counted",
    ]);
  return table(["Feed", "`T`", "Message", "RPC"], [
    ...rows("sip", stocks),
    ...rows("opra", options),
    [
      code("trading"),
      code("trade_updates"),
      "Order update",
      code("StreamOrderUpdates"),
    ],
    ...rows("crypto", crypto),
    ...rows("news", news),
  ]);
}

interface Carried {
  readonly word: string;
  readonly type: MessageType;
  /** The RPC of the handler's sink, if it has one. */
  readonly rpc: string | undefined;
}

/** Lists the handlers with the RPC that each publishes to. */
function carried(
  make: (sink: <T>(rpc: string) => EventSink<T>) => MessageHandlers,
): Carried[] {
  const rpcs = new Map<unknown, string>();
  const handlers = make((rpc) => {
    const sink = { mayHaveSubscribers: () => false, publish() {}, unreadable() {} };
    rpcs.set(sink, rpc);
    return sink;
  });
  return [...handlers].map(([word, { type, sink }]) => ({
    word: String(word),
    type,
    rpc: rpcs.get(sink),
  }));
}

/** Every order event of Alpaca, with its number. */
export function orderEventTable(): string {
  const names = new Map<number, string>(
    Object.entries(OrderEvent).map(([name, number]) => [number, name]),
  );
  return table(
    ["Alpaca's value", "`OrderEvent`"],
    ORDER_ENUMS.event.map((word) => {
      const number = enumOf("event", word);
      return [code(word), `${code(names.get(number) ?? "")} (${number})`];
    }),
  );
}

const LINKS: readonly Link[] = [
  DISCONNECTED,
  { state: "connecting", attempt: 1 },
  { state: "authenticating", attempt: 1 },
  { state: "connected" },
  { state: "reconnecting", attempt: 1 },
  { state: "error", attempt: 1, final: false },
];

const LINK_EVENTS: readonly LinkEvent[] = [
  "connect",
  "opened",
  "accepted",
  "rejected",
  "lost",
  "delay_elapsed",
  "exhausted",
  "retry",
  "shutdown",
];

/** A Mermaid diagram of every edge. */
export function stateDiagram(): string {
  const edges = LINKS.flatMap((from) =>
    LINK_EVENTS.map((event) => ({ from, event, to: advance(from, event) }))
  ).filter(({ from, to }) => from.state !== to.state);
  return [
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> disconnected",
    ...edges.map(({ from, event, to }) => `  ${from.state} --> ${to.state} : ${event}`),
    "```",
  ].join("\n");
}

/** The settings that most users change, each on one short line. */
export function mainSettingsTable(): string {
  return table(
    ["Variable", "Default", "Description"],
    MAIN_SETTINGS.map(({ name, default: fallback, whenUnset, description }) => [
      code(name),
      fallback === undefined ? whenUnset ?? "" : code(fallback),
      description.length > 80 ? description.replace(/[:;,].*/, "") : description,
    ]),
  );
}

/** The table in the comment that opens a file. */
export async function commentTable(path: string): Promise<string> {
  const lines = (await readSource(path)).split("\n");
  const comment = lines.slice(0, lines.indexOf(" */"));
  return comment.filter((line) => line.startsWith(" * |"))
    .map((line) => line.slice(" * ".length)).join("\n");
}
