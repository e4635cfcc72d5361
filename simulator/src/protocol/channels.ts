/** Every channel of the stock and option streams, as acknowledged. */
export type ChannelName =
  | "trades"
  | "quotes"
  | "bars"
  | "updatedBars"
  | "dailyBars"
  | "statuses"
  | "lulds"
  | "imbalances"
  | "corrections"
  | "cancelErrors";

/** Channels of a stock stream in the order Alpaca's examples show them. */
export const STOCK_CHANNELS: readonly ChannelName[] = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "corrections",
  "cancelErrors",
  "imbalances",
];

/** Channels of an option stream. */
export const OPTION_CHANNELS: readonly ChannelName[] = ["trades", "quotes"];

/** Channels that mirror `trades` and are never requested. */
export const AUTOMATIC_CHANNELS: readonly ChannelName[] = [
  "corrections",
  "cancelErrors",
];

/** Every channel word of any Alpaca stream; others are plain unknown keys. */
export const ANY_CHANNEL: ReadonlySet<string> = new Set([
  ...STOCK_CHANNELS,
  "orderbooks",
  "news",
  "pricing",
]);

const CHANNEL_OF_TYPE: Readonly<Record<string, ChannelName>> = {
  t: "trades",
  q: "quotes",
  b: "bars",
  u: "updatedBars",
  d: "dailyBars",
  s: "statuses",
  l: "lulds",
  i: "imbalances",
  c: "corrections",
  x: "cancelErrors",
};

/** The channel whose subscribers receive a message type. */
export function channelOfType(type: string): ChannelName | undefined {
  return CHANNEL_OF_TYPE[type];
}
