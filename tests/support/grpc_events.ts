/**
 * Domain events for tests of the gRPC API: the ones whose bytes the contract
 * fixes, and arbitrary ones.
 *
 * @module
 */
import fc from "fast-check";
import type {
  CryptoBar,
  CryptoQuote,
  CryptoTrade,
  Orderbook,
} from "../../src/domain/market/crypto_events.ts";
import type { NewsArticle } from "../../src/domain/market/news_events.ts";
import type { OptionQuote, OptionTrade } from "../../src/domain/market/option_events.ts";
import type { OrderLeg, OrderUpdate } from "../../src/domain/market/order_events.ts";
import type {
  StockBar,
  StockCancel,
  StockCorrection,
  StockImbalance,
  StockLuld,
  StockQuote,
  StockTrade,
  StockTradingStatus,
  TradeCorrection,
} from "../../src/domain/market/stock_events.ts";
import type { Timestamp } from "../../src/domain/market/timestamp.ts";

/** A timestamp from ISO text and the nanoseconds of its second. */
export function at(iso: string, nanos = 0): Timestamp {
  return { seconds: Date.parse(iso) / 1000, nanos };
}

/** The stock quote of the golden vectors. */
export const GOLDEN_QUOTE: StockQuote = {
  symbol: "AAPL",
  timestamp: at("2024-01-15T10:00:00Z", 123_456_789),
  bidExchange: "Q",
  bidPrice: 150.25,
  bidSize: 3,
  askExchange: "P",
  askPrice: 150.27,
  askSize: 4,
  conditions: ["R"],
  tape: "C",
};

/** The stock trade of the golden vectors. */
export const GOLDEN_TRADE: StockTrade = {
  symbol: "AAPL",
  timestamp: at("2024-01-15T10:00:00Z", 500_000_000),
  tradeId: 52_983_525_029_461,
  exchange: "D",
  price: 126.55,
  size: 1,
  conditions: ["@", "I"],
  tape: "C",
};

/** The minute bar of the golden vectors. */
export const GOLDEN_BAR: StockBar = {
  kind: "minute",
  symbol: "SPY",
  timestamp: at("2024-01-15T14:30:00Z"),
  open: 388.985,
  high: 389.13,
  low: 388.975,
  close: 389.12,
  volume: 49_378,
  vwap: 389.062639,
  tradeCount: 461,
};

/** A trading halt. */
export const GOLDEN_STATUS: StockTradingStatus = {
  symbol: "AAPL",
  timestamp: at("2024-01-15T10:00:00Z", 1),
  statusCode: "H",
  statusMessage: "Trading Halt",
  reasonCode: "T12",
  reasonMessage: "",
  tape: "C",
};

/** A price band. */
export const GOLDEN_BAND: StockLuld = {
  symbol: "IONM",
  timestamp: at("2024-01-15T10:00:00Z"),
  limitUp: 3.24,
  limitDown: 2.65,
  indicator: "B",
  tape: "C",
};

/** A trade that was reported with wrong values. */
export const GOLDEN_CORRECTION: StockCorrection = {
  kind: "corrected",
  symbol: "EEM",
  timestamp: at("2024-01-15T10:00:00Z", 5),
  exchange: "M",
  originalId: 52_983_525_033_527,
  originalPrice: 39.1582,
  originalSize: 440_000,
  originalConditions: [" ", "7"],
  correctedId: 52_983_525_034_326,
  correctedPrice: 39.1809,
  correctedSize: 440_000,
  correctedConditions: ["@"],
  tape: "B",
};

/** A cancelled trade. */
export const GOLDEN_CANCEL: StockCancel = {
  kind: "cancelled",
  symbol: "GOOGL",
  timestamp: at("2024-01-15T10:00:00Z"),
  tradeId: 465,
  exchange: "D",
  price: 270.1,
  size: 100,
  action: "C",
  tape: "C",
};

/** An order imbalance. */
export const GOLDEN_IMBALANCE: StockImbalance = {
  symbol: "INAQU",
  timestamp: at("2024-01-15T10:00:00Z"),
  price: 9.12,
  tape: "C",
};

/** The option quote of the golden vectors. */
export const GOLDEN_OPTION_QUOTE: OptionQuote = {
  symbol: "SPXW240327P04925000",
  timestamp: at("2024-03-12T11:59:38Z", 897_261_568),
  bidExchange: "C",
  bidPrice: 9.46,
  bidSize: 53,
  askExchange: "C",
  askPrice: 9.66,
  askSize: 38,
  condition: "A",
};

/** The option trade of the golden vectors. */
export const GOLDEN_OPTION_TRADE: OptionTrade = {
  symbol: "AAPL240315C00172500",
  timestamp: at("2024-03-11T13:35:35Z", 133_122_560),
  price: 2.84,
  size: 1,
  exchange: "N",
  condition: "S",
};

/** A leg as the golden order has one. */
export const GOLDEN_LEG: OrderLeg = {
  id: "l-1",
  symbol: "AAPL",
  side: "buy",
  qty: "1",
  filledQty: "0",
  filledAvgPrice: "",
  ratioQty: "1",
  status: "new",
};

/** The order update of the golden vectors. */
export const GOLDEN_ORDER_UPDATE: OrderUpdate = {
  event: "partial_fill",
  eventId: "e-1",
  timestamp: at("2024-01-15T15:00:00Z"),
  order: {
    id: "o-1",
    clientOrderId: "c-1",
    symbol: "AAPL",
    assetClass: "us_equity",
    orderClass: "simple",
    orderType: "stop_limit",
    side: "sell",
    timeInForce: "gtc",
    qty: "10",
    filledQty: "4",
    filledAvgPrice: "150.5",
    limitPrice: "150",
    stopPrice: undefined,
    status: "partially_filled",
    extendedHours: true,
    createdAt: at("2024-01-15T14:59:00Z"),
    updatedAt: at("2024-01-15T15:00:00Z"),
    submittedAt: at("2024-01-15T14:59:01Z"),
    filledAt: undefined,
    canceledAt: undefined,
    expiredAt: undefined,
    failedAt: undefined,
    commission: undefined,
    legs: [GOLDEN_LEG],
  },
  executionId: undefined,
  price: "150.5",
  qty: "4",
  positionQty: "6",
};

/** Text of every kind: empty, ASCII, beyond, ill-formed, longer than a byte says. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
      .map((units) => String.fromCharCode(...units)),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: "binary", minLength: 120, maxLength: 140 }),
  },
);
const price = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 150.25),
);
const size = fc.oneof(
  fc.integer(),
  fc.nat({ max: 200 }),
  fc.constantFrom(0, -1, 127, 128, 0x7fff_ffff, -0x8000_0000),
);
const timestamp: fc.Arbitrary<Timestamp> = fc.record({
  seconds: fc.oneof(
    fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
    fc.constantFrom(0, -1, -62_135_596_800, 253_402_300_799, 1_705_312_800),
  ),
  nanos: fc.oneof(
    fc.nat({ max: 999_999_999 }),
    fc.constantFrom(0, 1, 999_999_999),
  ),
});
const safeInteger = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1),
);
const int64 = fc.oneof(safeInteger, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
const conditions = fc.array(text, { maxLength: 4 });

/** Any stock quote. */
export const anyStockQuote: fc.Arbitrary<StockQuote> = fc.record({
  symbol: text,
  timestamp,
  bidExchange: text,
  bidPrice: price,
  bidSize: size,
  askExchange: text,
  askPrice: price,
  askSize: size,
  conditions,
  tape: text,
});

/** Any stock trade whose id an int64 can hold. */
export const anyStockTrade: fc.Arbitrary<StockTrade> = fc.record({
  symbol: text,
  timestamp,
  tradeId: int64,
  exchange: text,
  price,
  size,
  conditions,
  tape: text,
});

/** Any bar. */
export const anyStockBar: fc.Arbitrary<StockBar> = fc.record({
  kind: fc.constantFrom("minute", "updated", "daily"),
  symbol: text,
  timestamp,
  open: price,
  high: price,
  low: price,
  close: price,
  volume: int64,
  vwap: price,
  tradeCount: size,
});

/** Any trading status. */
export const anyTradingStatus: fc.Arbitrary<StockTradingStatus> = fc.record({
  symbol: text,
  timestamp,
  statusCode: text,
  statusMessage: text,
  reasonCode: text,
  reasonMessage: text,
  tape: text,
});

/** Any price band. */
export const anyPriceBand: fc.Arbitrary<StockLuld> = fc.record({
  symbol: text,
  timestamp,
  limitUp: price,
  limitDown: price,
  indicator: text,
  tape: text,
});

/** Any correction or cancellation whose ids an int64 can hold. */
export const anyTradeCorrection: fc.Arbitrary<TradeCorrection> = fc.oneof(
  fc.record({
    kind: fc.constant("corrected" as const),
    symbol: text,
    timestamp,
    exchange: text,
    originalId: int64,
    originalPrice: price,
    originalSize: size,
    originalConditions: conditions,
    correctedId: int64,
    correctedPrice: price,
    correctedSize: size,
    correctedConditions: conditions,
    tape: text,
  }),
  fc.record({
    kind: fc.constant("cancelled" as const),
    symbol: text,
    timestamp,
    tradeId: int64,
    exchange: text,
    price,
    size,
    action: text,
    tape: text,
  }),
);

/** Any imbalance. */
export const anyImbalance: fc.Arbitrary<StockImbalance> = fc.record({
  symbol: text,
  timestamp,
  price,
  tape: text,
});

/** Any option quote. */
export const anyOptionQuote: fc.Arbitrary<OptionQuote> = fc.record({
  symbol: text,
  timestamp,
  bidExchange: text,
  bidPrice: price,
  bidSize: size,
  askExchange: text,
  askPrice: price,
  askSize: size,
  condition: text,
});

/** Any option trade. */
export const anyOptionTrade: fc.Arbitrary<OptionTrade> = fc.record({
  symbol: text,
  timestamp,
  price,
  size,
  exchange: text,
  condition: text,
});

/** Any quote of a pair. */
export const anyCryptoQuote: fc.Arbitrary<CryptoQuote> = fc.record({
  symbol: text,
  timestamp,
  bidPrice: price,
  bidSize: price,
  askPrice: price,
  askSize: price,
});

/** Any trade of a pair. */
export const anyCryptoTrade: fc.Arbitrary<CryptoTrade> = fc.record({
  symbol: text,
  timestamp,
  tradeId: int64,
  price,
  size: price,
  takerSide: text,
});

/** Any bar of a pair. */
export const anyCryptoBar: fc.Arbitrary<CryptoBar> = fc.record({
  kind: fc.constantFrom("minute", "updated", "daily"),
  symbol: text,
  timestamp,
  open: price,
  high: price,
  low: price,
  close: price,
  volume: price,
  vwap: price,
  tradeCount: size,
});

const levels = fc.array(fc.record({ price, size: price }), { maxLength: 40 });

/** Any order book or change of one. */
export const anyOrderbook: fc.Arbitrary<Orderbook> = fc.record({
  symbol: text,
  timestamp,
  bids: levels,
  asks: levels,
  reset: fc.boolean(),
});

/** Any article. */
export const anyArticle: fc.Arbitrary<NewsArticle> = fc.record({
  id: int64,
  headline: text,
  summary: text,
  author: text,
  content: fc.string({ unit: "grapheme", maxLength: 1_000 }),
  url: text,
  symbols: conditions,
  source: text,
  createdAt: timestamp,
  updatedAt: timestamp,
});
