/**
 * Labels, numbers and times of the page, the same for every locale, so that screenshots are
 * comparable.
 *
 * @module
 */
import type { MessageType } from "../../../application/status/counters.ts";
import type { FollowedHubReport } from "../../../application/status/reports.ts";
import type { ClusterReport } from "../../../application/status/status.ts";
import type { LinkState } from "../../../domain/connection/link.ts";
import type { StreamKind } from "../../../domain/market/channels.ts";
import type { Tone } from "./elements.ts";

/** What streams deliver, in the order of the table. */
export const CHANNEL_LABELS: Readonly<Record<StreamKind, string>> = {
  stockQuotes: "Stock quotes",
  stockTrades: "Stock trades",
  stockBars: "Stock bars",
  stockUpdatedBars: "Updated bars",
  stockDailyBars: "Daily bars",
  tradingStatuses: "Trading statuses",
  priceBands: "Price bands",
  tradeCorrections: "Corrections",
  imbalances: "Imbalances",
  optionQuotes: "Option quotes",
  optionTrades: "Option trades",
  orderUpdates: "Order updates",
  cryptoQuotes: "Crypto quotes",
  cryptoTrades: "Crypto trades",
  cryptoBars: "Crypto bars",
  cryptoUpdatedBars: "Crypto updated bars",
  cryptoDailyBars: "Crypto daily bars",
  orderbooks: "Order books",
  news: "News",
  stockMessages: "Stock messages",
  optionMessages: "Option messages",
  cryptoMessages: "Crypto messages",
  newsMessages: "News messages",
};

/** Message types that no channel delivers; the rest is never shown. */
export const OTHER_LABELS: Readonly<Record<MessageType, string>> = {
  quote: "Other quotes",
  trade: "Other trades",
  bar: "Other bars",
  updated_bar: "Updated bars",
  daily_bar: "Daily bars",
  status: "Trading statuses",
  luld: "Price bands",
  correction: "Corrections",
  cancel_error: "Cancels",
  imbalance: "Imbalances",
  orderbook: "Order books",
  article: "Articles",
  order_update: "Other order updates",
  control: "Control messages",
  unknown: "Unknown types",
};

/** States of a feed: label and tone. */
export const STATES: Readonly<Record<LinkState, readonly [string, Tone]>> = {
  connected: ["Connected", "good"],
  connecting: ["Connecting", "warn"],
  authenticating: ["Authenticating", "warn"],
  reconnecting: ["Reconnecting", "warn"],
  disconnected: ["Disconnected", "bad"],
  error: ["Error", "bad"],
};

/**
 * The part of a process in a cluster: `hub: has the lease since 09:30:00 (term 7)`,
 * `edge: follows term 7 since 09:30:00`.
 */
export function formatRole({ role, lease, hub }: ClusterReport, now: number): string {
  if (hub) return `${role}: ${formatFollowed(hub, now)}`;
  if (!lease) return role;
  const { term, since, problem } = lease;
  const at = formatTime(since, now);
  if (term !== undefined) return `${role}: has the lease since ${at} (term ${term})`;
  return `${role}: stands by since ${at}${problem === undefined ? "" : `, ${problem}`}`;
}

function formatFollowed({ term, since, problem }: FollowedHubReport, now: number): string {
  if (problem !== undefined) return "without a hub";
  if (term === undefined || since === undefined) return "no hub yet";
  return `follows term ${term} since ${formatTime(since, now)}`;
}

/** Shown where a value is not known. */
const UNKNOWN = "–";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Made for the first page: the runtime takes longer to load what they need than half of a page. */
let formats: { readonly grouped: Intl.NumberFormat; readonly short: Intl.NumberFormat } | undefined;

/** A count: `0`, `42`, `234,567`, `12.34M`. */
export function formatCount(count: number): string {
  formats ??= {
    grouped: new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 }),
    short: new Intl.NumberFormat("en-US", {
      notation: "compact",
      minimumFractionDigits: 2,
      maximumFractionDigits: 2,
    }),
  };
  return (count < 1_000_000 ? formats.grouped : formats.short).format(count);
}

/** A rate per second: `0`, `0.4`, `7.5`, `1,234`. */
export function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return UNKNOWN;
  if (perSecond === 0) return "0";
  return perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(perSecond);
}

/** A duration in its two largest units: `12 s`, `3 m 07 s`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, ms);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (whole < MINUTE) return `${Math.floor(whole / SECOND)} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} m ${two(whole % MINUTE / SECOND)} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${two(whole % HOUR / MINUTE)} m`;
  return `${Math.floor(whole / DAY)} d ${Math.floor(whole % DAY / HOUR)} h`;
}

/** An age: `now` within two seconds, else `12 s ago`. */
export function formatAge(ms: number): string {
  return ms < 2 * SECOND ? "now" : `${formatDuration(ms)} ago`;
}

/**
 * A UTC time: `14:05:21`, with its day unless that is today: `Nov 25 14:05:21`.
 *
 * @param now wall clock ms
 */
export function formatTime(at: number, now: number): string {
  const [date, time] = [new Date(at).toUTCString(), new Date(at).toISOString().slice(11, 19)];
  const isToday = Math.floor(at / DAY) === Math.floor(now / DAY);
  return isToday ? time : `${date.slice(8, 11)} ${date.slice(5, 7)} ${time}`;
}

/**
 * An upper bound of latency: `≤ 25 µs`, `≤ 2.5 ms`, `≤ 1 s`, or `> 500 ms` beyond the last one.
 *
 * @param last the last bound, in seconds
 */
export function formatBound(seconds: number | undefined, last = Infinity): string {
  if (seconds === undefined) return UNKNOWN;
  return seconds === Infinity ? `> ${formatSeconds(last)}` : `≤ ${formatSeconds(seconds)}`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return `${rounded(seconds * 1e6)} µs`;
  return seconds < 1 ? `${rounded(seconds * 1e3)} ms` : `${rounded(seconds)} s`;
}

function rounded(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : value.toFixed(0);
}
