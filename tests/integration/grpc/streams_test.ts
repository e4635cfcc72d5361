/** Every method over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { CallOptions } from "@connectrpc/connect";
import type { ChannelEvents, ChannelName } from "../../../src/domain/market/channels.ts";
import {
  ConnectionState,
  FeedType,
  OrderEvent,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  GOLDEN_BAR,
  GOLDEN_OPTION_QUOTE,
  GOLDEN_OPTION_TRADE,
  GOLDEN_ORDER_UPDATE,
  GOLDEN_QUOTE,
  GOLDEN_TRADE,
} from "../../support/grpc_events.ts";
import {
  connectClient,
  grpcClient,
  type GrpcHarness,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";

/** Opens a stream, publishes one event to it and returns what arrives. */
async function firstOf<T, C extends ChannelName>(
  harness: GrpcHarness,
  open: (options: CallOptions) => AsyncIterable<T>,
  [channel, event]: readonly [C, ChannelEvents[C]],
): Promise<T> {
  // connect-es cancels a call by its signal, not by leaving its iteration.
  const leave = new AbortController();
  const iterator = open({ signal: leave.signal })[Symbol.asyncIterator]();
  const next = iterator.next();
  await harness.market.untilOpen(1);
  harness.market.publish(channel, event);
  const { value, done } = await next;
  assert.equal(done, false);
  leave.abort();
  await harness.market.untilOpen(0);
  return value;
}

Deno.test("a connect client receives stock quotes field by field", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { quote } = await firstOf(harness, (o) => client.streamQuotes({}, o), [
    "stockQuotes",
    GOLDEN_QUOTE,
  ]);
  assert.equal(quote?.symbol, "AAPL");
  assert.equal(quote.timestamp?.seconds, 1_705_312_800n);
  assert.equal(quote.timestamp.nanos, 123_456_789);
  assert.deepEqual(
    [quote.bidExchange, quote.bidPrice, quote.bidSize],
    ["Q", 150.25, 3],
  );
  assert.deepEqual(
    [quote.askExchange, quote.askPrice, quote.askSize],
    ["P", 150.27, 4],
  );
  assert.deepEqual(quote.conditions, ["R"]);
  assert.equal(quote.tape, "C");
});

Deno.test("a connect client receives stock trades with 64-bit ids", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const tradeId = 2n ** 63n - 1n;
  const { trade } = await firstOf(harness, (o) => client.streamTrades({}, o), [
    "stockTrades",
    { ...GOLDEN_TRADE, tradeId },
  ]);
  assert.equal(trade?.tradeId, tradeId);
  assert.equal(trade.price, 126.55);
  assert.deepEqual(trade.conditions, ["@", "I"]);
});

Deno.test("a connect client receives minute bars", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { bar } = await firstOf(harness, (o) => client.streamBars({}, o), [
    "stockBars",
    GOLDEN_BAR,
  ]);
  assert.equal(bar?.symbol, "SPY");
  assert.deepEqual(
    [bar.open, bar.high, bar.low, bar.close, bar.vwap],
    [388.985, 389.13, 388.975, 389.12, 389.062639],
  );
  assert.equal(bar.volume, 49_378n);
  assert.equal(bar.tradeCount, 461);
});

Deno.test("a connect client receives option quotes", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { quote } = await firstOf(
    harness,
    (o) => client.streamOptionQuotes({}, o),
    [
      "optionQuotes",
      GOLDEN_OPTION_QUOTE,
    ],
  );
  assert.equal(quote?.symbol, "SPXW240327P04925000");
  assert.equal(quote.timestamp?.nanos, 897_261_568);
  assert.equal(quote.condition, "A");
});

Deno.test("a connect client receives option trades", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { trade } = await firstOf(
    harness,
    (o) => client.streamOptionTrades({}, o),
    [
      "optionTrades",
      GOLDEN_OPTION_TRADE,
    ],
  );
  assert.equal(trade?.symbol, "AAPL240315C00172500");
  assert.equal(trade.price, 2.84);
  assert.equal(trade.exchange, "N");
});

Deno.test("a connect client receives order updates", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { update } = await firstOf(
    harness,
    (o) => client.streamOrderUpdates({}, o),
    [
      "orderUpdates",
      { ...GOLDEN_ORDER_UPDATE, executionId: "x-1" },
    ],
  );
  assert.equal(update?.event, OrderEvent.PARTIAL_FILL);
  assert.equal(update.eventId, "e-1");
  assert.equal(update.executionId, "x-1");
  assert.equal(update.order?.filledAvgPrice, "150.5");
  assert.equal(update.order.legs[0]?.ratioQty, "1");
});

Deno.test("a grpc-js client receives the bytes of the contract", async () => {
  await using harness = await startGrpcHarness();
  using client = grpcClient(harness);
  const call = client.makeServerStreamRequest(
    pathOf("StreamBars"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array(0),
  );
  call.on("error", () => {});
  await harness.market.untilOpen(1);
  harness.market.publish("stockBars", GOLDEN_BAR);
  const [body] = await once(call, "data") as [Uint8Array];
  assert.equal(
    body.toHex(),
    "0a410a03535059120608e88295ad0619f6285c8fc24f784021ae47e17a14527840299a999999994f78403152b81e85eb51784038e28103414487c0910051784048cd03",
  );
  call.cancel();
  await harness.market.untilOpen(0);
});

Deno.test("the status is answered with every feed up", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { status } = await client.getConnectionStatus({});
  assert.deepEqual(
    status?.feeds.map(({ feedType, state }) => [feedType, state]),
    [
      [FeedType.SIP, ConnectionState.CONNECTED],
      [FeedType.OPRA, ConnectionState.CONNECTED],
      [FeedType.TRADE_UPDATES, ConnectionState.CONNECTED],
    ],
  );
});

Deno.test("the status is answered with every feed down and while draining", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  harness.status = {
    ...harness.status,
    draining: true,
    feeds: harness.status.feeds.map((feed) => ({
      ...feed,
      state: "error",
      errorMessage: "auth failed",
    })),
  };
  harness.server.drain();
  const { status } = await client.getConnectionStatus({});
  assert.equal(status?.feeds[0]?.state, ConnectionState.ERROR);
  assert.equal(status.feeds[0].errorMessage, "auth failed");
});

Deno.test("filters are normalized before they reach the market", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const stream = client.streamOptionQuotes({
    symbols: ["O:aapl990315c00172500", "SPXW  990327P04925000"],
    underlyings: [" spy "],
  }, { signal: leave.signal })[Symbol.asyncIterator]();
  const next = stream.next();
  await harness.market.untilOpen(1);
  const [opened] = harness.market.streams;
  assert.equal(opened?.channel, "optionQuotes");
  assert.deepEqual(opened.filter, {
    symbols: ["AAPL990315C00172500", "SPXW990327P04925000"],
    underlyings: ["SPY"],
  });
  harness.market.publish("optionQuotes", GOLDEN_OPTION_QUOTE);
  await next;
  leave.abort();
  await harness.market.untilOpen(0);
});

Deno.test("an event is encoded once for all streams that receive it", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const streams = [1, 2].map(() => client.streamQuotes({}, leave)[Symbol.asyncIterator]());
  const firsts = streams.map((stream) => stream.next());
  await harness.market.untilOpen(2);
  const envelope = harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  assert.equal(envelope.encoded, undefined, "nothing is encoded ahead");
  await Promise.all(firsts);
  assert(envelope.encoded);

  // Cached bytes are used unchanged: these have another symbol.
  const seconds = streams.map((stream) => stream.next());
  const forged = harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  forged.encoded = new Uint8Array(
    [...envelope.encoded].map((byte, i) => i === 4 ? 0x5a : byte),
  );
  const values = await Promise.all(seconds);
  assert.deepEqual(
    values.map(({ value }) => value?.quote?.symbol),
    ["ZAPL", "ZAPL"],
  );
  leave.abort();
  await harness.market.untilOpen(0);
});

Deno.test("unknown enum values of Alpaca are sent as unspecified", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const { update } = await firstOf(
    harness,
    (o) => client.streamOrderUpdates({}, o),
    [
      "orderUpdates",
      { ...GOLDEN_ORDER_UPDATE, event: "held" },
    ],
  );
  assert.equal(update?.event, OrderEvent.UNSPECIFIED);
});
