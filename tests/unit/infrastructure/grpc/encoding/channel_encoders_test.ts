/** The hand-written encoders equal the generated code. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ChannelName } from "../../../../../src/domain/market/channels.ts";
import type { Timestamp } from "../../../../../src/domain/market/timestamp.ts";
import {
  StreamBarsResponseSchema,
  StreamCryptoBarsResponseSchema,
  StreamCryptoDailyBarsResponseSchema,
  StreamCryptoQuotesResponseSchema,
  StreamCryptoTradesResponseSchema,
  StreamCryptoUpdatedBarsResponseSchema,
  StreamDailyBarsResponseSchema,
  StreamImbalancesResponseSchema,
  StreamNewsResponseSchema,
  StreamOptionQuotesResponseSchema,
  StreamOptionTradesResponseSchema,
  StreamOrderbooksResponseSchema,
  StreamPriceBandsResponseSchema,
  StreamQuotesResponseSchema,
  StreamTradeCorrectionsResponseSchema,
  StreamTradesResponseSchema,
  StreamTradingStatusesResponseSchema,
  StreamUpdatedBarsResponseSchema,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { createEncoders } from "../../../../../src/infrastructure/grpc/encoding/channel_encoders.ts";
import {
  anyArticle,
  anyCryptoBar,
  anyCryptoQuote,
  anyCryptoTrade,
  anyImbalance,
  anyOptionQuote,
  anyOptionTrade,
  anyOrderbook,
  anyPriceBand,
  anyStockBar,
  anyStockQuote,
  anyStockTrade,
  anyTradeCorrection,
  anyTradingStatus,
  GOLDEN_BAND,
  GOLDEN_BAR,
  GOLDEN_CANCEL,
  GOLDEN_CORRECTION,
  GOLDEN_IMBALANCE,
  GOLDEN_QUOTE,
  GOLDEN_STATUS,
  GOLDEN_TRADE,
} from "../../../../support/grpc_events.ts";

/** Inputs per property; set GRPC_ENCODER_RUNS for more. */
const numRuns = Number(Deno.env.get("GRPC_ENCODER_RUNS") ?? 10_000);
const encoders = createEncoders();

/** A timestamp for the generated code. */
const proto = ({ seconds, nanos }: Timestamp) => ({
  seconds: BigInt(seconds),
  nanos,
});

/** Checks that both encoders return the same bytes for every input. */
function sameBytes<T, D extends DescMessage>(
  channel: ChannelName,
  inputs: fc.Arbitrary<T>,
  reference: { schema: D; message: (event: T) => MessageInitShape<D> },
): void {
  // Each case below pairs a channel with the events of that channel.
  const encode = encoders[channel] as unknown as (event: T) => Uint8Array;
  fc.assert(
    fc.property(inputs, (event) => {
      const { schema, message } = reference;
      const expected = toBinary(schema, create(schema, message(event)));
      assert.equal(encode(event).toHex(), expected.toHex());
    }),
    { numRuns },
  );
}

Deno.test("stock quotes are written as the generated code writes them", () => {
  sameBytes("stockQuotes", anyStockQuote, {
    schema: StreamQuotesResponseSchema,
    message: (quote) => ({
      quote: {
        ...quote,
        timestamp: proto(quote.timestamp),
        conditions: [...quote.conditions],
      },
    }),
  });
});

Deno.test("stock trades are written as the generated code writes them", () => {
  sameBytes("stockTrades", anyStockTrade, {
    schema: StreamTradesResponseSchema,
    message: (trade) => ({
      trade: {
        ...trade,
        timestamp: proto(trade.timestamp),
        tradeId: BigInt(trade.tradeId),
        conditions: [...trade.conditions],
      },
    }),
  });
});

const BAR_SCHEMAS = {
  stockBars: StreamBarsResponseSchema,
  stockUpdatedBars: StreamUpdatedBarsResponseSchema,
  stockDailyBars: StreamDailyBarsResponseSchema,
};

for (const [channel, schema] of Object.entries(BAR_SCHEMAS)) {
  Deno.test(`${channel} are written as the generated code writes them`, () => {
    sameBytes(channel as keyof typeof BAR_SCHEMAS, anyStockBar, {
      schema,
      message: ({ kind: _, ...bar }) => ({
        bar: {
          ...bar,
          timestamp: proto(bar.timestamp),
          volume: BigInt(bar.volume),
        },
      }),
    });
  });
}

Deno.test("trading statuses are written as the generated code writes them", () => {
  sameBytes("tradingStatuses", anyTradingStatus, {
    schema: StreamTradingStatusesResponseSchema,
    message: (status) => ({ status: { ...status, timestamp: proto(status.timestamp) } }),
  });
});

Deno.test("price bands are written as the generated code writes them", () => {
  sameBytes("priceBands", anyPriceBand, {
    schema: StreamPriceBandsResponseSchema,
    message: ({ limitUp: limitUpPrice, limitDown: limitDownPrice, ...band }) => ({
      band: { ...band, limitUpPrice, limitDownPrice, timestamp: proto(band.timestamp) },
    }),
  });
});

Deno.test("trade corrections are written as the generated code writes them", () => {
  sameBytes("tradeCorrections", anyTradeCorrection, {
    schema: StreamTradeCorrectionsResponseSchema,
    message: (event) => {
      const timestamp = proto(event.timestamp);
      if (event.kind === "cancelled") {
        const value = { ...event, timestamp, tradeId: BigInt(event.tradeId) };
        return { correction: { kind: { case: "cancelled" as const, value } } };
      }
      const value = {
        ...event,
        timestamp,
        originalId: BigInt(event.originalId),
        originalConditions: [...event.originalConditions],
        correctedId: BigInt(event.correctedId),
        correctedConditions: [...event.correctedConditions],
      };
      return { correction: { kind: { case: "corrected" as const, value } } };
    },
  });
});

Deno.test("imbalances are written as the generated code writes them", () => {
  sameBytes("imbalances", anyImbalance, {
    schema: StreamImbalancesResponseSchema,
    message: (imbalance) => ({
      imbalance: { ...imbalance, timestamp: proto(imbalance.timestamp) },
    }),
  });
});

Deno.test("messages of crypto are written as the generated code writes them", () => {
  sameBytes("cryptoQuotes", anyCryptoQuote, {
    schema: StreamCryptoQuotesResponseSchema,
    message: (quote) => ({ quote: { ...quote, timestamp: proto(quote.timestamp) } }),
  });
  sameBytes("cryptoTrades", anyCryptoTrade, {
    schema: StreamCryptoTradesResponseSchema,
    message: (trade) => ({
      trade: {
        ...trade,
        timestamp: proto(trade.timestamp),
        tradeId: BigInt(trade.tradeId),
      },
    }),
  });
  for (
    const [channel, schema] of [
      ["cryptoBars", StreamCryptoBarsResponseSchema],
      ["cryptoUpdatedBars", StreamCryptoUpdatedBarsResponseSchema],
      ["cryptoDailyBars", StreamCryptoDailyBarsResponseSchema],
    ] as const
  ) {
    sameBytes(channel, anyCryptoBar, {
      schema: schema as typeof StreamCryptoBarsResponseSchema,
      message: ({ kind: _, ...bar }) => ({ bar: { ...bar, timestamp: proto(bar.timestamp) } }),
    });
  }
});

Deno.test("order books and articles are written as the generated code writes them", () => {
  sameBytes("orderbooks", anyOrderbook, {
    schema: StreamOrderbooksResponseSchema,
    message: ({ timestamp, bids, asks, ...orderbook }) => ({
      orderbook: { ...orderbook, bids: [...bids], asks: [...asks], timestamp: proto(timestamp) },
    }),
  });
  sameBytes("news", anyArticle, {
    schema: StreamNewsResponseSchema,
    message: ({ id, symbols, createdAt, updatedAt, ...article }) => ({
      article: {
        ...article,
        id: BigInt(id),
        symbols: [...symbols],
        createdAt: proto(createdAt),
        updatedAt: proto(updatedAt),
      },
    }),
  });
});

Deno.test("the messages of the occasional channels have fixed bytes", () => {
  assert.equal(
    encoders.stockUpdatedBars(GOLDEN_BAR).toHex(),
    "0a410a03535059120608e88295ad0619f6285c8fc24f784021ae47e17a14527840299a999999994f78403152b81e85eb51784038e28103414487c0910051784048cd03",
  );
  assert.equal(
    encoders.stockDailyBars(GOLDEN_BAR).toHex(),
    "0a410a03535059120608e88295ad0619f6285c8fc24f784021ae47e17a14527840299a999999994f78403152b81e85eb51784038e28103414487c0910051784048cd03",
  );
  assert.equal(
    encoders.tradingStatuses(GOLDEN_STATUS).toHex(),
    "0a290a044141504c120808a08494ad0610011a0148220c54726164696e672048616c742a035431323a0143",
  );
  assert.equal(
    encoders.priceBands(GOLDEN_BAND).toHex(),
    "0a260a04494f4e4d120608a08494ad0619ec51b81e85eb09402133333333333305402a0142320143",
  );
  assert.equal(
    encoders.tradeCorrections(GOLDEN_CORRECTION).toHex(),
    "0a4a0a480a0345454d120808a08494ad0610051a014d20b78cc18183860c29151dc9e53f94434030c0ed1a3a01203a013740d692c18183860c4957ec2fbb2797434050c0ed1a5a0140620142",
  );
  assert.equal(
    encoders.tradeCorrections(GOLDEN_CANCEL).toHex(),
    "0a2812260a05474f4f474c120608a08494ad0618d103220144299a99999999e1704030643a0143420143",
  );
  assert.equal(
    encoders.imbalances(GOLDEN_IMBALANCE).toHex(),
    "0a1b0a05494e415155120608a08494ad06193d0ad7a3703d2240220143",
  );
});

Deno.test("option quotes are written as the generated code writes them", () => {
  sameBytes("optionQuotes", anyOptionQuote, {
    schema: StreamOptionQuotesResponseSchema,
    message: (quote) => ({
      quote: { ...quote, timestamp: proto(quote.timestamp) },
    }),
  });
});

Deno.test("option trades are written as the generated code writes them", () => {
  sameBytes("optionTrades", anyOptionTrade, {
    schema: StreamOptionTradesResponseSchema,
    message: (trade) => ({
      trade: { ...trade, timestamp: proto(trade.timestamp) },
    }),
  });
});

Deno.test("a trade id above the signed range keeps its 64 bits", () => {
  const tradeId = 2n ** 64n - 5n;
  const { trade } = fromBinary(
    StreamTradesResponseSchema,
    encoders.stockTrades({ ...GOLDEN_TRADE, tradeId }),
  );
  assert.equal(trade?.tradeId, -5n);
  assert.equal(BigInt.asUintN(64, trade.tradeId), tradeId);
});

Deno.test("numbers beyond the range of the schema are clamped", () => {
  const quote = (bidSize: number) =>
    fromBinary(
      StreamQuotesResponseSchema,
      encoders.stockQuotes({ ...GOLDEN_QUOTE, bidSize }),
    ).quote?.bidSize;
  assert.equal(quote(2 ** 31), 2 ** 31 - 1);
  assert.equal(quote(-(2 ** 40)), -(2 ** 31));
  assert.equal(quote(2.9), 2);
  assert.equal(quote(NaN), 0);
  assert.equal(quote(Infinity), 2 ** 31 - 1);

  const volume = (volume: number) =>
    fromBinary(
      StreamBarsResponseSchema,
      encoders.stockBars({ ...GOLDEN_BAR, volume }),
    ).bar?.volume;
  assert.equal(volume(12.75), 12n);
  assert.equal(volume(NaN), 0n);
  assert.equal(volume(2 ** 60), 2n ** 60n);
});

Deno.test("an invalid timestamp is unset", () => {
  const bad: Timestamp[] = [
    { seconds: 1, nanos: -1 },
    { seconds: 1, nanos: 1_000_000_000 },
    { seconds: 1, nanos: 0.5 },
    { seconds: NaN, nanos: 0 },
    { seconds: 253_402_300_800, nanos: 0 },
    { seconds: -62_135_596_801, nanos: 0 },
    { seconds: 2 ** 62, nanos: 0 },
  ];
  for (const timestamp of bad) {
    const { quote } = fromBinary(
      StreamQuotesResponseSchema,
      encoders.stockQuotes({ ...GOLDEN_QUOTE, timestamp }),
    );
    assert.equal(quote?.timestamp, undefined, JSON.stringify(timestamp));
    assert.equal(quote?.askSize, GOLDEN_QUOTE.askSize);
  }
});

Deno.test("a message is not changed by the next ones", () => {
  const first = encoders.stockQuotes(GOLDEN_QUOTE);
  const hex = first.toHex();
  for (let i = 0; i < 500; i++) {
    encoders.stockQuotes({
      ...GOLDEN_QUOTE,
      symbol: "ZVZZT",
      conditions: Array.from({ length: i }, () => "X"),
    });
  }
  assert.equal(first.toHex(), hex);
});
