/**
 * Tables of what the program offers, made from its own descriptors and
 * declarations.
 *
 * @module
 */
import type { DescField, DescMethod } from "@bufbuild/protobuf";
import {
  type FeedId,
  type FeedKind,
  FEEDS,
  type OptionFeedKind,
  type StockFeedKind,
} from "../../src/domain/connection/feed.ts";
import type { LinkState } from "../../src/domain/connection/link.ts";
import {
  ConnectionStateSchema,
  FeedTypeSchema,
  StreamProxyService,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  optionStreamUrl,
  stockStreamUrl,
  tradingHost,
} from "../../src/infrastructure/config/upstream_urls.ts";
import {
  FEED_TYPES,
  STATES,
} from "../../src/infrastructure/grpc/encoding/status_response.ts";
import { ALL_METRICS } from "../../src/infrastructure/metrics/declarations.ts";
import { code, table } from "./blocks.ts";
import { protoComments } from "./proto_comments.ts";
import { readSource } from "./sources.ts";

const CONTRACT = "proto/cream/v1/stream_proxy.proto";

/** Every RPC with its request fields. */
export async function rpcTable(): Promise<string> {
  const said = protoComments(await readSource(CONTRACT));
  return table(
    ["RPC", "Kind", "Request fields", "What it does"],
    StreamProxyService.methods.map((method: DescMethod) => [
      code(method.name),
      method.methodKind === "unary" ? "unary" : "server stream",
      method.input.fields.map((field: DescField) => code(field.name))
        .join(", ") || "none",
      comment(said, method.name),
    ]),
  );
}

/** Every RPC with the first part of its description. */
export async function rpcList(): Promise<string> {
  const said = protoComments(await readSource(CONTRACT));
  return table(
    ["RPC", "Description"],
    StreamProxyService.methods.map(({ name }) => [
      code(name),
      comment(said, name).replace(/[;.].*/s, ""),
    ]),
  );
}

/** Every state of a feed's session. */
export async function stateTable(): Promise<string> {
  const said = protoComments(await readSource(CONTRACT));
  return table(
    ["State", "In health and metrics", "Number in gRPC", "Means"],
    Object.entries(STATES).map(([word, number]) => {
      const value = ConnectionStateSchema.value[number];
      return [
        code(value?.localName ?? ""),
        code(word satisfies string as LinkState),
        String(number),
        comment(said, value?.name ?? ""),
      ];
    }),
  );
}

/** Every product that a session can carry, with its address. */
export async function feedTable(): Promise<string> {
  const said = protoComments(await readSource(CONTRACT));
  return table(
    ["Feed", "Setting", "Address", "`FeedType`", "Carries"],
    Object.entries(FEED_TYPES).map(([kind, number]) => {
      const value = FeedTypeSchema.value[number];
      const [feed, setting, address] = placeOf(kind as FeedKind);
      const name = `${code(value?.localName ?? "")} (${number})`;
      const carries = comment(said, value?.name ?? "");
      return { feed, cells: [code(feed), setting, address, name, carries] };
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
    ["Metric", "Type", "Labels", "Says"],
    ALL_METRICS.map(({ name, type, labels, help }) => [
      code(name),
      type,
      labels.map(code).join(", "),
      help,
    ]),
  );
}

function comment(said: ReadonlyMap<string, string>, name: string): string {
  const text = said.get(name);
  if (!text) throw new Error(`${CONTRACT} says nothing about ${name}`);
  return text;
}
