import type { FeedId } from "../../../domain/connection/feed.ts";
import type { RecentError } from "../../../application/status/recent_errors.ts";
import type { StreamReport } from "../../../application/status/stream_report.ts";
import type {
  ChannelReport,
  ExpansionReport,
  FeedSubscriptions,
  SymbolReport,
  SymbolState,
} from "../../../application/status/subscription_report.ts";
import { CHANNEL_LABELS, FEED_LABELS } from "./labels.ts";
import type { Row, Tone } from "./page.ts";
import { formatAge, formatCount, formatDuration } from "./format.ts";

/** Symbols that a note lists; the rest is counted. */
const MAX_LISTED = 4;

/** Rows of the streams table: stream, filter, open, delivered, waiting, lost. */
export function streamRows(
  streams: readonly StreamReport[],
  now: number,
): Row[] {
  return streams.map((stream) => ({
    cells: [
      CHANNEL_LABELS[stream.channel],
      stream.filter === "" ? "everything" : stream.filter,
      formatDuration(now - stream.openedAt),
      formatCount(stream.delivered),
      formatCount(stream.waiting),
      formatCount(stream.lost),
    ],
    tone: stream.lost > 0 ? "warn" : "plain",
  }));
}

/** Rows of the subscriptions table: channel, note, a count per state. */
export function subscriptionRows(
  subscriptions: readonly FeedSubscriptions[],
): Row[] {
  return subscriptions.flatMap(({ feed, channels }) =>
    channels.map((channel) => channelRow(feed, channel))
  );
}

function channelRow(feed: FeedId, report: ChannelReport): Row {
  const inState = (state: SymbolState) => report.symbols.filter((symbol) => symbol.state === state);
  const count = (state: SymbolState) => formatCount(inState(state).length);
  const refused = inState("refused");
  const waiting = inState("waiting");
  const notes = [
    note("rejected", refused),
    note("waiting", waiting),
    report.unfiltered > 0 ? `${formatCount(report.unfiltered)} without a filter` : "",
  ];
  const tone: Tone = refused.length + waiting.length > 0 ? "warn" : "plain";
  return {
    cells: [
      `${FEED_LABELS[feed]} ${report.channel}`,
      notes.filter((each) => each !== "").join("; "),
      count("acknowledged"),
      count("requested"),
      count("waiting"),
      count("refused"),
      count("lingering"),
    ],
    tone,
  };
}

function note(label: string, symbols: readonly SymbolReport[]): string {
  if (symbols.length === 0) return "";
  const named = symbols.slice(0, MAX_LISTED).map(({ symbol }) => symbol).join(
    " ",
  );
  const more = symbols.length > MAX_LISTED
    ? ` and ${formatCount(symbols.length - MAX_LISTED)} more`
    : "";
  const reason = symbols[0]?.reason;
  return `${label}: ${named}${more}${reason === undefined ? "" : ` – ${reason}`}`;
}

/** Rows of the contracts table: underlying, note, streams, contracts, state. */
export function expansionRows(
  subscriptions: readonly FeedSubscriptions[],
): Row[] {
  return subscriptions.flatMap(({ expansions }) => expansions)
    .map((each: ExpansionReport) => ({
      cells: [
        `${each.underlying} ${each.channel}`,
        each.reason ??
          (each.centre === undefined ? "" : `around ${each.centre.toFixed(2)}`),
        formatCount(each.streams),
        formatCount(each.contracts),
        each.state,
      ],
      tone: each.state === "off" ? "warn" : "plain",
    }));
}

/** Rows of the errors table: time, feed, message, cause, repetitions. */
export function errorRows(
  errors: readonly RecentError[],
  now: number,
): Row[] {
  return errors.map((error) => ({
    cells: [
      formatAge(now - error.at),
      error.feed === undefined ? "Proxy" : feedName(error.feed),
      error.message,
      error.cause ?? "",
      error.times === 1 ? "" : `×${formatCount(error.times)}`,
    ],
    tone: error.level === "error" ? "bad" : "warn",
  }));
}

function feedName(feed: string): string {
  return Object.hasOwn(FEED_LABELS, feed) ? FEED_LABELS[feed as FeedId] : feed;
}
