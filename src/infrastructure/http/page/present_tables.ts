import type { FeedId } from "../../../domain/connection/feed.ts";
import type { LiveView } from "../../../application/status/live_view.ts";
import type { RecentError } from "../../../application/status/recent_errors.ts";
import type { StreamReport } from "../../../application/status/stream_report.ts";
import type {
  ChannelReport,
  ExpansionReport,
  FeedSubscriptions,
  SymbolReport,
  SymbolState,
} from "../../../application/status/subscription_report.ts";
import { CHANNEL_NAMES, FEED_NAMES } from "./names.ts";
import type { Line, Tone } from "./screen.ts";
import { agoWords, countWords, durationWords, UNKNOWN } from "./words.ts";

/** Symbols that are named in a note; the rest is a number. */
const NAMED = 4;

/** Lines of the streams' table: stream, filter, open, delivered, waiting, lost. */
export function streamLines(
  streams: readonly StreamReport[],
  now: number,
): Line[] {
  return streams.map((stream) => ({
    cells: [
      CHANNEL_NAMES[stream.channel],
      stream.filter === "" ? "everything" : stream.filter,
      durationWords(now - stream.openedAt),
      countWords(stream.delivered),
      countWords(stream.waiting),
      countWords(stream.lost),
    ],
    tone: stream.lost > 0 ? "warn" : "plain",
  }));
}

/** Lines of the subscriptions' table: channel, note, a count per state. */
export function subscriptionLines(view: LiveView): Line[] {
  if (view.subscriptions) {
    return view.subscriptions.flatMap(({ feed, channels }) =>
      channels.map((channel) => channelLine(feed, channel))
    );
  }
  return view.status.feeds.filter(({ feed }) => view.enabled.has(feed))
    .map(({ feed, subscriptionCount }) => ({
      cells: [
        FEED_NAMES[feed],
        "",
        countWords(subscriptionCount),
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
      ],
      tone: "plain",
    }));
}

function channelLine(feed: FeedId, report: ChannelReport): Line {
  const having = (state: SymbolState) =>
    report.symbols.filter((symbol) => symbol.state === state);
  const count = (state: SymbolState) => countWords(having(state).length);
  const refused = having("refused");
  const waiting = having("waiting");
  const notes = [
    note("refused", refused),
    note("waiting", waiting),
    report.unfiltered > 0
      ? `${countWords(report.unfiltered)} without a filter`
      : "",
  ];
  const tone: Tone = refused.length + waiting.length > 0 ? "warn" : "plain";
  return {
    cells: [
      `${FEED_NAMES[feed]} ${report.channel}`,
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

function note(word: string, symbols: readonly SymbolReport[]): string {
  if (symbols.length === 0) return "";
  const named = symbols.slice(0, NAMED).map(({ symbol }) => symbol).join(" ");
  const more = symbols.length > NAMED
    ? ` and ${countWords(symbols.length - NAMED)} more`
    : "";
  const reason = symbols[0]?.reason;
  return `${word}: ${named}${more}${
    reason === undefined ? "" : ` – ${reason}`
  }`;
}

/** Lines of the contracts' table: underlying, note, streams, contracts, state. */
export function expansionLines(
  subscriptions: readonly FeedSubscriptions[],
): Line[] {
  return subscriptions.flatMap(({ expansions }) => expansions)
    .map((each: ExpansionReport) => ({
      cells: [
        `${each.underlying} ${each.channel}`,
        each.reason ??
          (each.centre === undefined ? "" : `around ${each.centre.toFixed(2)}`),
        countWords(each.streams),
        countWords(each.contracts),
        each.state,
      ],
      tone: each.state === "off" ? "warn" : "plain",
    }));
}

/** Lines of the errors' table: when, feed, what, why, how often. */
export function errorLines(
  errors: readonly RecentError[],
  now: number,
): Line[] {
  return errors.map((error) => ({
    cells: [
      agoWords(now - error.at),
      error.feed === undefined ? "Proxy" : feedName(error.feed),
      error.message,
      error.cause ?? "",
      error.times === 1 ? "" : `×${countWords(error.times)}`,
    ],
    tone: error.level === "error" ? "bad" : "warn",
  }));
}

function feedName(feed: string): string {
  return Object.hasOwn(FEED_NAMES, feed) ? FEED_NAMES[feed as FeedId] : feed;
}
