/**
 * The streams of the service: their names in `tail` and in the client.
 *
 * @module
 */
import type {
  CancelledTrade,
  ChannelMessages,
  ChannelName as ClientChannel,
  ContractSelection,
  CorrectedTrade,
  MessageMeta,
  TradeCorrection,
} from "../client/mod.ts";
import type { ChannelName } from "../src/domain/market/channels.ts";

/** Selects messages; an empty or missing list means all. */
export interface Selection {
  readonly symbols: readonly string[];
  readonly underlyings?: readonly string[];
  readonly orderIds?: readonly string[];
  readonly clientOrderIdPrefixes?: readonly string[];
  readonly events?: readonly string[];
  /** Undefined: the contracts that the proxy chooses. */
  readonly contracts?: ContractSelection | undefined;
}

/** A message as it is shown: of a correction, what it contains. */
export type StreamMessage =
  | Exclude<ChannelMessages[ClientChannel], TradeCorrection>
  | CorrectedTrade
  | CancelledTrade;

/** One of the streams. */
export interface StreamKind {
  readonly channel: ChannelName;
  /** Its name in the client. */
  readonly name: ClientChannel;
  /** Which filter it has besides symbols. */
  readonly filter?: "underlying" | "order-id";
}

/** The streams by their name in `tail`. */
export const STREAM_KINDS: Readonly<Record<string, StreamKind>> = {
  quotes: { channel: "stockQuotes", name: "quotes" },
  trades: { channel: "stockTrades", name: "trades" },
  bars: { channel: "stockBars", name: "bars" },
  "updated-bars": { channel: "stockUpdatedBars", name: "updatedBars" },
  "daily-bars": { channel: "stockDailyBars", name: "dailyBars" },
  statuses: { channel: "tradingStatuses", name: "tradingStatuses" },
  bands: { channel: "priceBands", name: "priceBands" },
  corrections: { channel: "tradeCorrections", name: "tradeCorrections" },
  imbalances: { channel: "imbalances", name: "imbalances" },
  "option-quotes": { channel: "optionQuotes", name: "optionQuotes", filter: "underlying" },
  "option-trades": { channel: "optionTrades", name: "optionTrades", filter: "underlying" },
  "crypto-quotes": { channel: "cryptoQuotes", name: "cryptoQuotes" },
  "crypto-trades": { channel: "cryptoTrades", name: "cryptoTrades" },
  "crypto-bars": { channel: "cryptoBars", name: "cryptoBars" },
  "crypto-updated-bars": { channel: "cryptoUpdatedBars", name: "cryptoUpdatedBars" },
  "crypto-daily-bars": { channel: "cryptoDailyBars", name: "cryptoDailyBars" },
  orderbooks: { channel: "orderbooks", name: "orderbooks" },
  news: { channel: "news", name: "news" },
  orders: { channel: "orderUpdates", name: "orderUpdates", filter: "order-id" },
};

/** The message to show; undefined for an empty correction. */
export function shownMessage(
  message: ChannelMessages[ClientChannel] & { readonly meta: MessageMeta },
): StreamMessage | undefined {
  return message.$typeName === "cream.v1.TradeCorrection" ? message.kind.value : message;
}
