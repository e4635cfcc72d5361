/**
 * Tables of streams, subscriptions and errors.
 *
 * @module
 */
import type { RecentError } from "../../../application/status/recent_errors.ts";
import type {
  ChannelReport,
  DeliveryPolicy,
  EdgeReport,
  ExpansionReport,
  FeedSubscriptions,
  FollowedFeed,
  OptionsReport,
  PriceSource,
  StreamReport,
  SymbolState,
} from "../../../application/status/reports.ts";
import { FEED_NAMES, type FeedId } from "../../../domain/connection/feed.ts";
import { parseOccSymbol } from "../../../domain/market/occ_symbol.ts";
import type { Elements, Row, Table } from "./elements.ts";
import { CHANNEL_LABELS, formatAge, formatCount, formatDuration, formatTime } from "./format.ts";
import type { Markup } from "./html.ts";

/** Edges send a sign of life every two seconds, hubs every second. */
const LATE_SIGN_MS = 3_000;

const STREAMS: Table = {
  name: "streams",
  caption: "Open client streams, those furthest behind first",
  columns: [
    { title: "Stream", style: "name" },
    { title: "Id", style: "id", joined: true },
    { title: "Filter", style: "note", joined: true },
    { title: "Client", style: "note", joined: true },
    { title: "Options", style: "note", joined: true },
    { title: "Open", style: "number" },
    { title: "Since", style: "note", joined: true },
    { title: "Sent", style: "number" },
    { title: "Unacknowledged", style: "note", joined: true },
    { title: "Queued", style: "number" },
    { title: "Oldest", style: "note", joined: true },
    { title: "Dropped", style: "number loss" },
    { title: "Conflated", style: "note", joined: true },
    {
      title: "Action",
      style: "action",
      action: {
        action: "end-stream",
        label: "End",
        question: "End this stream? Its client can open it again.",
        hasReason: true,
      },
    },
  ],
};

/** Renders the open streams. */
export function streamsTable(
  page: Elements,
  streams: readonly StreamReport[],
  now: number,
): Markup {
  const rows = streams.map((stream): Row => ({
    cells: [
      CHANNEL_LABELS[stream.channel],
      stream.id,
      stream.filter === "" ? "everything" : stream.filter,
      formatClient(stream),
      formatOptions(stream.options),
      formatDuration(now - stream.openedAt),
      formatTime(stream.openedAt, now),
      formatCount(stream.sent),
      formatUnacknowledged(stream.options),
      formatCount(stream.queued),
      formatOldest(stream, now),
      formatCount(stream.dropped),
      formatConflated(stream.options),
    ],
    tone: stream.dropped > 0 ? "warn" : "plain",
  }));
  return page.table(STREAMS, rows);
}

function formatClient({ identity = "", peer = "", userAgent = "" }: StreamReport): string {
  return [identity, peer, userAgent].filter((each) => each !== "").join(" · ");
}

/** Delivery policies as the page shows them. */
const POLICIES: Readonly<Record<DeliveryPolicy, string>> = {
  every: "every message",
  latest: "latest per symbol",
  every_or_end: "every message or end",
};

function formatOptions(options: OptionsReport | undefined): string {
  return options === undefined ? "" : `${POLICIES[options.delivery]} · ${options.streamId}`;
}

function formatUnacknowledged(options: OptionsReport | undefined): string {
  const { unacknowledged } = options ?? {};
  return unacknowledged === undefined ? "" : `${formatCount(unacknowledged)} unacknowledged`;
}

/** Shorter ages are those of a stream that is being written. */
const LEAST_AGE_MS = 1_000;

function formatOldest({ oldestQueuedAt = Infinity }: StreamReport, now: number): string {
  const age = now - oldestQueuedAt;
  return age < LEAST_AGE_MS ? "" : `oldest ${formatDuration(age)}`;
}

function formatConflated(options: OptionsReport | undefined): string {
  const { conflated = 0 } = options ?? {};
  return conflated === 0 ? "" : `${formatCount(conflated)} conflated`;
}

const SUBSCRIPTIONS: Table = {
  name: "subscriptions",
  caption: "Symbols subscribed at Alpaca, by channel and state",
  columns: [
    { title: "Channel", style: "name" },
    { title: "Note", style: "note", joined: true },
    { title: "Active", style: "number" },
    { title: "Requested", style: "number" },
    { title: "Waiting", style: "number" },
    { title: "Rejected", style: "number" },
    { title: "Lingering", style: "number" },
  ],
};

/** Renders the symbols of each channel, counted by state. */
export function subscriptionsTable(page: Elements, reports: readonly FeedSubscriptions[]): Markup {
  const rows = reports.flatMap(({ feed, channels }) =>
    channels.map((channel) => channelRow(feed, channel))
  );
  return page.table(SUBSCRIPTIONS, rows);
}

function channelRow(feed: FeedId, { channel, symbols, unfiltered }: ChannelReport): Row {
  const count = (state: SymbolState) =>
    formatCount(symbols.filter((symbol) => symbol.state === state).length);
  const problems = [
    listSymbols(symbols, "rejected"),
    listSymbols(symbols, "waiting"),
  ].filter((each) => each !== "");
  const notes = unfiltered > 0
    ? [...problems, `${formatCount(unfiltered)} without a filter`]
    : problems;
  return {
    cells: [
      `${FEED_NAMES[feed]} ${channel}`,
      notes.join("; "),
      count("acknowledged"),
      count("requested"),
      count("waiting"),
      count("rejected"),
      count("lingering"),
    ],
    tone: problems.length > 0 ? "warn" : "plain",
  };
}

/** Symbols that a note lists; the rest is counted. */
const MAX_LISTED = 4;

function listSymbols(
  symbols: ChannelReport["symbols"],
  state: SymbolState,
): string {
  const found = symbols.filter((each) => each.state === state);
  if (found.length === 0) return "";
  const names = found.slice(0, MAX_LISTED).map(({ symbol }) => symbol).join(" ");
  const more = found.length > MAX_LISTED
    ? ` and ${formatCount(found.length - MAX_LISTED)} more`
    : "";
  const reason = found[0]?.reason;
  return `${state}: ${names}${more}${reason === undefined ? "" : ` – ${reason}`}`;
}

const DAY_MS = 86_400_000;

const EXPANSIONS: Table = {
  name: "expansions",
  caption: "Option contracts chosen for underlyings",
  columns: [
    { title: "Underlying", style: "name" },
    { title: "Note", style: "note", joined: true },
    { title: "Price", style: "known", joined: true },
    { title: "Expiries", style: "known", joined: true },
    { title: "Streams", style: "number" },
    { title: "Contracts", style: "number" },
    { title: "Wanted", style: "note", joined: true },
    { title: "State" },
  ],
};

/** Renders the underlyings whose contracts are chosen for streams. */
export function expansionsTable(
  page: Elements,
  reports: readonly FeedSubscriptions[],
  now: number,
): Markup {
  const rows = reports.flatMap(({ expansions }) => expansions).map((each): Row => ({
    cells: [
      `${each.underlying} ${each.channel}`,
      each.reason ?? "",
      formatCentre(each, now),
      listExpiries(each.selected),
      formatCount(each.streams),
      formatCount(each.contracts),
      each.wanted > each.contracts ? `of ${formatCount(each.wanted)}` : "",
      each.state,
    ],
    tone: each.state === "off" || each.wanted > each.contracts ? "warn" : "plain",
  }));
  return page.table(EXPANSIONS, rows);
}

const SOURCE_LABELS: Readonly<Record<PriceSource, string>> = {
  trade: "last trade",
  parity: "put-call parity",
  guess: "open interest",
};

function formatCentre(
  { centre, priceSource, pricedAt }: ExpansionReport,
  now: number,
): string {
  if (centre === undefined) return "";
  const parts = [
    ...(priceSource === undefined ? [] : [SOURCE_LABELS[priceSource]]),
    ...(pricedAt === undefined ? [] : [formatAge(now - pricedAt)]),
  ];
  const price = `around ${centre.toFixed(2)}`;
  return parts.length === 0 ? price : `${price} (${parts.join(", ")})`;
}

/** Expiries that a note lists; the rest is counted. */
const MAX_EXPIRIES = 6;

/** Lists contracts by expiry: `2026-09-18: 20 from 561 to 580`. */
function listExpiries(symbols: ReadonlySet<string>): string {
  const strikes = new Map<number, number[]>();
  for (const symbol of symbols) {
    const contract = parseOccSymbol(symbol);
    if (!contract) continue;
    const { expiry, strikeMills } = contract;
    const found = strikes.get(expiry);
    if (found) found.push(strikeMills);
    else strikes.set(expiry, [strikeMills]);
  }
  const expiries = [...strikes].sort(([one], [other]) => one - other);
  const shown = expiries.slice(0, MAX_EXPIRIES).map(([expiry, mills]) => {
    const day = new Date(expiry * DAY_MS).toISOString().slice(0, 10);
    const [least, most] = [Math.min(...mills), Math.max(...mills)].map((each) => each / 1_000);
    const range = least === most ? `at ${least}` : `from ${least} to ${most}`;
    return `${day}: ${formatCount(mills.length)} ${range}`;
  });
  const hidden = expiries.length - shown.length;
  return [...shown, ...(hidden > 0 ? [`and ${formatCount(hidden)} more`] : [])].join("; ");
}

const EDGES: Table = {
  name: "edges",
  caption: "Edges of this hub, those attached first first",
  columns: [
    { title: "Edge", style: "name" },
    { title: "Feeds", style: "note", joined: true },
    { title: "Attached", style: "number" },
    { title: "Since", style: "note", joined: true },
    { title: "Subscriptions", style: "number" },
    { title: "Last sign of life", style: "number" },
  ],
};

/** Renders the edges of a hub. */
export function edgesTable(page: Elements, edges: readonly EdgeReport[], now: number): Markup {
  const rows = edges.map(({ edge, feeds, attachedAt, pairs, silenceMs }): Row => ({
    cells: [
      edge,
      feeds.map(feedName).join(", "),
      formatDuration(now - attachedAt),
      formatTime(attachedAt, now),
      formatCount(pairs),
      formatAge(silenceMs),
    ],
    tone: silenceMs > LATE_SIGN_MS ? "warn" : "plain",
  }));
  return page.table(EDGES, rows);
}

const FOLLOWED: Table = {
  name: "followed",
  caption: "What this edge receives from its hub, by feed",
  columns: [
    { title: "Feed", style: "name" },
    { title: "Term", style: "number" },
    { title: "Followed", style: "number" },
    { title: "Since", style: "note", joined: true },
    { title: "Last entry", style: "number" },
    { title: "Missing", style: "number" },
  ],
};

/** Renders what an edge receives from its hub. */
export function followedTable(
  page: Elements,
  feeds: readonly FollowedFeed[],
  now: number,
): Markup {
  const rows = feeds.map(({ feed, term, since, silenceMs, missing }): Row => ({
    cells: [
      feedName(feed),
      term === undefined ? "none yet" : String(term),
      since === undefined ? "" : formatDuration(now - since),
      since === undefined ? "" : formatTime(since, now),
      silenceMs === undefined ? "none yet" : formatAge(silenceMs),
      formatCount(missing),
    ],
    tone: silenceMs === undefined || silenceMs > LATE_SIGN_MS ? "warn" : "plain",
  }));
  return page.table(FOLLOWED, rows);
}

const ERRORS: Table = {
  name: "errors",
  caption: "Recent warnings and errors, newest first",
  columns: [
    { title: "When", style: "when" },
    { title: "Time", style: "note", joined: true },
    { title: "Feed", style: "where" },
    { title: "Message", style: "what" },
    { title: "Cause", style: "note", joined: true },
    { title: "Times", style: "times", joined: true },
  ],
};

/** Renders the last warnings and errors. */
export function errorsTable(page: Elements, errors: readonly RecentError[], now: number): Markup {
  const rows = errors.map((error): Row => ({
    cells: [
      formatAge(now - error.at),
      formatTime(error.at, now),
      error.feed === undefined ? "Proxy" : feedName(error.feed),
      error.message,
      error.cause ?? "",
      error.times === 1 ? "" : `×${formatCount(error.times)}`,
    ],
    tone: error.level === "error" ? "bad" : "warn",
  }));
  return page.table(ERRORS, rows);
}

function feedName(feed: string): string {
  return Object.hasOwn(FEED_NAMES, feed) ? FEED_NAMES[feed as FeedId] : feed;
}
