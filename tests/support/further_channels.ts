/** One value for each channel of the feeds that are off by default. */
import { BASE_FEEDS } from "../../src/domain/connection/feed.ts";
import { type ChannelName, CHANNELS } from "../../src/domain/market/channels.ts";
import { CHANNEL_SOURCES } from "../../src/domain/subscription/pairs.ts";

/** Channels of crypto and news. */
export type FurtherChannel =
  | "cryptoQuotes"
  | "cryptoTrades"
  | "cryptoBars"
  | "cryptoUpdatedBars"
  | "cryptoDailyBars"
  | "orderbooks"
  | "news";

/** The channels of the feeds beyond the first three. */
export const FURTHER_CHANNELS: readonly ChannelName[] = CHANNELS.filter((name) =>
  !BASE_FEEDS.includes(CHANNEL_SOURCES[name].feed)
);

/** The same value for each of them. */
export function furtherChannels<T>(value: T): Readonly<Record<FurtherChannel, T>> {
  return Object.fromEntries(FURTHER_CHANNELS.map((name) => [name, value])) as Record<
    FurtherChannel,
    T
  >;
}
