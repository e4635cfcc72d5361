/**
 * One encoder per channel: from a domain event to the bytes of its response.
 *
 * The market data responses are written by hand, field by field in ascending order, because
 * one is encoded for every tick: this takes a tenth of the time of building a message object and
 * serializing it. Tests compare the bytes with the generated code, so a change of the schema that
 * is missing here fails them.
 *
 * @module
 */
import type { ChannelEvents, ChannelName } from "../../../domain/market/channels.ts";
import type { BookLevel, CryptoBar } from "../../../domain/market/crypto_events.ts";
import type {
  StockBar,
  StockCancel,
  StockCorrection,
} from "../../../domain/market/stock_events.ts";
import { encodeOrderUpdate } from "./order_response.ts";
import { WireWriter } from "./wire_writer.ts";

/** Encodes an event as its response message. */
export type Encode<T> = (event: T) => Uint8Array;

/** The encoder of each channel. */
export type ChannelEncoders = {
  readonly [C in ChannelName]: Encode<ChannelEvents[C]>;
};

/**
 * Creates the encoders of all channels. They share one scratch buffer, which is safe because
 * encoding is synchronous.
 */
export function createEncoders(): ChannelEncoders {
  const writer = new WireWriter();
  /**
   * Makes the encoder of a `StreamBarsResponse` or a `StreamCryptoBarsResponse`, which differ in
   * the type of the volume, field 7; those of the other bars have the same bytes.
   */
  const barEncoder =
    <B extends StockBar | CryptoBar>(writeVolume: (bar: B) => void) => (bar: B) => {
      writer.begin();
      writer.text(1, bar.symbol);
      writer.timestamp(2, bar.timestamp);
      writer.double(3, bar.open);
      writer.double(4, bar.high);
      writer.double(5, bar.low);
      writer.double(6, bar.close);
      writeVolume(bar);
      writer.double(8, bar.vwap);
      writer.int32(9, bar.tradeCount);
      return writer.finish();
    };
  const encodeBar = barEncoder<StockBar>(({ volume }) => writer.int64(7, volume));
  const encodeCryptoBar = barEncoder<CryptoBar>(({ volume }) => writer.double(7, volume));
  return {
    /** Encodes a `StreamQuotesResponse`. */
    stockQuotes(quote) {
      writer.begin();
      writer.text(1, quote.symbol);
      writer.timestamp(2, quote.timestamp);
      writer.text(3, quote.bidExchange);
      writer.double(4, quote.bidPrice);
      writer.int32(5, quote.bidSize);
      writer.text(6, quote.askExchange);
      writer.double(7, quote.askPrice);
      writer.int32(8, quote.askSize);
      writer.texts(9, quote.conditions);
      writer.text(10, quote.tape);
      return writer.finish();
    },
    /** Encodes a `StreamTradesResponse`. */
    stockTrades(trade) {
      writer.begin();
      writer.text(1, trade.symbol);
      writer.timestamp(2, trade.timestamp);
      writer.int64(3, trade.tradeId);
      writer.text(4, trade.exchange);
      writer.double(5, trade.price);
      writer.int32(6, trade.size);
      writer.texts(7, trade.conditions);
      writer.text(8, trade.tape);
      return writer.finish();
    },
    stockBars: encodeBar,
    stockUpdatedBars: encodeBar,
    stockDailyBars: encodeBar,
    /** Encodes a `StreamTradingStatusesResponse`. */
    tradingStatuses(status) {
      writer.begin();
      writer.text(1, status.symbol);
      writer.timestamp(2, status.timestamp);
      writer.text(3, status.statusCode);
      writer.text(4, status.statusMessage);
      writer.text(5, status.reasonCode);
      writer.text(6, status.reasonMessage);
      writer.text(7, status.tape);
      return writer.finish();
    },
    /** Encodes a `StreamPriceBandsResponse`. */
    priceBands(band) {
      writer.begin();
      writer.text(1, band.symbol);
      writer.timestamp(2, band.timestamp);
      writer.double(3, band.limitUp);
      writer.double(4, band.limitDown);
      writer.text(5, band.indicator);
      writer.text(6, band.tape);
      return writer.finish();
    },
    /** Encodes a `StreamTradeCorrectionsResponse`. */
    tradeCorrections(correction) {
      writer.begin();
      if (correction.kind === "corrected") {
        writeCorrected(writer, correction);
        writer.wrap(1);
      } else {
        writeCancelled(writer, correction);
        writer.wrap(2);
      }
      return writer.finish();
    },
    /** Encodes a `StreamImbalancesResponse`. */
    imbalances(imbalance) {
      writer.begin();
      writer.text(1, imbalance.symbol);
      writer.timestamp(2, imbalance.timestamp);
      writer.double(3, imbalance.price);
      writer.text(4, imbalance.tape);
      return writer.finish();
    },
    /** Encodes a `StreamOptionQuotesResponse`. */
    optionQuotes(quote) {
      writer.begin();
      writer.text(1, quote.symbol);
      writer.timestamp(2, quote.timestamp);
      writer.text(3, quote.bidExchange);
      writer.double(4, quote.bidPrice);
      writer.int32(5, quote.bidSize);
      writer.text(6, quote.askExchange);
      writer.double(7, quote.askPrice);
      writer.int32(8, quote.askSize);
      writer.text(9, quote.condition);
      return writer.finish();
    },
    /** Encodes a `StreamOptionTradesResponse`. */
    optionTrades(trade) {
      writer.begin();
      writer.text(1, trade.symbol);
      writer.timestamp(2, trade.timestamp);
      writer.double(3, trade.price);
      writer.int32(4, trade.size);
      writer.text(5, trade.exchange);
      writer.text(6, trade.condition);
      return writer.finish();
    },
    orderUpdates: encodeOrderUpdate,
    /** Encodes a `StreamCryptoQuotesResponse`. */
    cryptoQuotes(quote) {
      writer.begin();
      writer.text(1, quote.symbol);
      writer.timestamp(2, quote.timestamp);
      writer.double(3, quote.bidPrice);
      writer.double(4, quote.bidSize);
      writer.double(5, quote.askPrice);
      writer.double(6, quote.askSize);
      return writer.finish();
    },
    /** Encodes a `StreamCryptoTradesResponse`. */
    cryptoTrades(trade) {
      writer.begin();
      writer.text(1, trade.symbol);
      writer.timestamp(2, trade.timestamp);
      writer.int64(3, trade.tradeId);
      writer.double(4, trade.price);
      writer.double(5, trade.size);
      writer.text(6, trade.takerSide);
      return writer.finish();
    },
    cryptoBars: encodeCryptoBar,
    cryptoUpdatedBars: encodeCryptoBar,
    cryptoDailyBars: encodeCryptoBar,
    /** Encodes a `StreamOrderbooksResponse`. */
    orderbooks(orderbook) {
      writer.begin();
      writer.text(1, orderbook.symbol);
      writer.timestamp(2, orderbook.timestamp);
      writeLevels(writer, 3, orderbook.bids);
      writeLevels(writer, 4, orderbook.asks);
      writer.bool(5, orderbook.reset);
      return writer.finish();
    },
    /** Encodes a `StreamNewsResponse`. */
    news(article) {
      writer.begin();
      writer.int64(1, article.id);
      writer.text(2, article.headline);
      writer.text(3, article.summary);
      writer.text(4, article.author);
      writer.text(5, article.content);
      writer.text(6, article.url);
      writer.texts(7, article.symbols);
      writer.text(8, article.source);
      writer.timestamp(9, article.createdAt);
      writer.timestamp(10, article.updatedAt);
      return writer.finish();
    },
  };
}

/** Writes repeated `OrderbookLevel` fields. */
function writeLevels(writer: WireWriter, field: number, levels: readonly BookLevel[]): void {
  for (const { price, size } of levels) writer.doubles(field, price, size);
}

/** Writes the fields of a `CorrectedTrade`. */
function writeCorrected(writer: WireWriter, trade: StockCorrection): void {
  writer.text(1, trade.symbol);
  writer.timestamp(2, trade.timestamp);
  writer.text(3, trade.exchange);
  writer.int64(4, trade.originalId);
  writer.double(5, trade.originalPrice);
  writer.int32(6, trade.originalSize);
  writer.texts(7, trade.originalConditions);
  writer.int64(8, trade.correctedId);
  writer.double(9, trade.correctedPrice);
  writer.int32(10, trade.correctedSize);
  writer.texts(11, trade.correctedConditions);
  writer.text(12, trade.tape);
}

/** Writes the fields of a `CancelledTrade`. */
function writeCancelled(writer: WireWriter, trade: StockCancel): void {
  writer.text(1, trade.symbol);
  writer.timestamp(2, trade.timestamp);
  writer.int64(3, trade.tradeId);
  writer.text(4, trade.exchange);
  writer.double(5, trade.price);
  writer.int32(6, trade.size);
  writer.text(7, trade.action);
  writer.text(8, trade.tape);
}
