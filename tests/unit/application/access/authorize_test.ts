import assert from "node:assert/strict";
import {
  authorizeCall,
  authorizeStream,
  authorizeSubscriptions,
  PermissionDenied,
} from "../../../../src/application/access/authorize.ts";
import type { StreamFilter } from "../../../../src/application/streaming/market_streams.ts";
import { BASE_FEEDS } from "../../../../src/domain/connection/feed.ts";
import { ANONYMOUS, type Grants } from "../../../../src/domain/access/grants.ts";
import { Patterns } from "../../../../src/domain/access/patterns.ts";
import type { ChannelName } from "../../../../src/domain/market/channels.ts";

const ALL: Grants = { ...ANONYMOUS.grants, orders: false };

function denial(action: () => void): string {
  try {
    action();
  } catch (error) {
    assert(error instanceof PermissionDenied);
    return `${error.grant} ${error.subject}`;
  }
  return "granted";
}

function streamed(grants: Partial<Grants>, channel: ChannelName, filter: Partial<StreamFilter>) {
  return denial(() => authorizeStream({ ...ALL, ...grants }, channel, { symbols: [], ...filter }));
}

Deno.test("methods of the stream service are granted by pattern, administration by itself", () => {
  const rpcs = new Patterns(["StreamQuotes", "Get*"]);
  const called = (path: string, admin = false) =>
    denial(() => authorizeCall({ ...ALL, rpcs, admin }, path));
  const service = "/cream.v1.StreamProxyService";
  assert.equal(called(`${service}/StreamQuotes`), "granted");
  assert.equal(called(`${service}/GetConnectionStatus`), "granted");
  assert.equal(called(`${service}/StreamTrades`), "rpc StreamTrades");
  assert.equal(called(`${service}/Acknowledge`), "rpc Acknowledge");
  assert.equal(called(service), "rpc ");
  assert.equal(called(`${service}/${"X".repeat(60_000)}`), `rpc ${"X".repeat(64)}`);
  assert.equal(called("/cream.v1.AdminService/Drain"), "admin admin");
  assert.equal(called("/cream.v1.AdminService/Drain", true), "granted");
  const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  assert.equal(called(reflection), "granted");
});

Deno.test("orders are denied unless they are granted, also with all feeds", () => {
  assert.equal(streamed({}, "orderUpdates", {}), "orders orders");
  assert.equal(streamed({ orders: true }, "orderUpdates", {}), "granted");
  const feeds = new Set(["sip"] as const);
  assert.equal(streamed({ orders: true, feeds }, "orderUpdates", {}), "feed trading");
});

Deno.test("channels of other feeds are denied", () => {
  const feeds = new Set(["sip"] as const);
  assert.equal(streamed({ feeds }, "stockBars", {}), "granted");
  assert.equal(streamed({ feeds }, "optionQuotes", { underlyings: ["SPY"] }), "feed opra");
});

Deno.test("an identity with limited symbols has to name granted ones", () => {
  const symbols = new Patterns(["AAPL", "SPY*"]);
  const stocks = (...names: string[]) => streamed({ symbols }, "stockQuotes", { symbols: names });
  assert.equal(stocks("AAPL", "SPY", "SPYG"), "granted");
  assert.equal(stocks("AAPL", "MSFT"), "symbols MSFT");
  assert.equal(stocks(), "symbols *");
  const many = Array.from({ length: 12 }, (_, i) => `X${i}`);
  assert.equal(stocks(...many), `symbols ${many.slice(0, 10).join(", ")} and more`);
  assert.equal(streamed({}, "stockQuotes", {}), "granted");
});

Deno.test("contracts are granted by their text or by their underlying", () => {
  const options = (patterns: string[], filter: Partial<StreamFilter>) =>
    streamed({ symbols: new Patterns(patterns) }, "optionQuotes", filter);
  const spy = "SPY270115C00600000";
  const spxw = "SPXW270115C06000000";
  assert.equal(options(["SPY"], { symbols: [spy] }), "granted");
  assert.equal(options([spy], { symbols: [spy] }), "granted");
  assert.equal(options(["SPX"], { symbols: [spxw] }), "granted");
  assert.equal(options(["AAPL"], { symbols: ["AAPL1270115C00600000"] }), "granted");
  assert.equal(options(["S"], { symbols: [spy] }), `symbols ${spy}`);
  assert.equal(options(["SPX"], { symbols: [spy] }), `symbols ${spy}`);
  assert.equal(options(["SPY"], { underlyings: ["SPY"] }), "granted");
  assert.equal(options([spy], { underlyings: ["SPY"] }), "symbols SPY");
  assert.equal(options(["SPY"], { symbols: [spy], underlyings: ["QQQ"] }), "symbols QQQ");
  assert.equal(options(["SPY"], {}), "symbols *");
  // More than a function accepts as arguments.
  const underlyings = Array.from({ length: 300_000 }, (_, i) => `X${i}`);
  const shown = underlyings.slice(0, 10).join(", ");
  assert.equal(options(["SPY"], { underlyings }), `symbols ${shown} and more`);
});

Deno.test("an order stream with limited symbols may not name order ids", () => {
  const orders = (filter: Partial<StreamFilter>) =>
    streamed({ orders: true, symbols: new Patterns(["AAPL"]) }, "orderUpdates", filter);
  assert.equal(orders({ symbols: ["AAPL"] }), "granted");
  assert.equal(orders({ symbols: ["AAPL"], orderIds: ["1"] }), "symbols order_ids");
  assert.equal(orders({ events: ["fill"] }), "symbols *");
});

Deno.test("the subscriptions of all clients need all symbols and feeds", () => {
  const read = (grants: Partial<Grants>) =>
    denial(() => authorizeSubscriptions({ ...ALL, ...grants }, BASE_FEEDS));
  assert.equal(read({}), "granted");
  assert.equal(read({ symbols: new Patterns(["A*"]) }), "symbols include_subscriptions");
  assert.equal(read({ feeds: new Set(["sip"]) }), "symbols include_subscriptions");
  // A feed that is not enabled needs no grant.
  const three = { ...ALL, feeds: new Set(BASE_FEEDS) };
  assert.equal(denial(() => authorizeSubscriptions(three, BASE_FEEDS)), "granted");
  assert.equal(
    denial(() => authorizeSubscriptions(three, [...BASE_FEEDS, "news"])),
    "symbols include_subscriptions",
  );
});
