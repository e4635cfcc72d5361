/**
 * The state of a proxy as a table.
 *
 * @module
 */
import { EnvironmentSchema } from "../gen/cream/v1/common_pb.ts";
import {
  ConnectionState,
  ConnectionStateSchema,
  type ConnectionStatus,
  type FeedStatus,
  FeedTypeSchema,
} from "../gen/cream/v1/stream_proxy_pb.ts";
import { padEnd, type Paint, type Style } from "./paint.ts";
import { duration, grouped, millisecondsOf, timeOfDay, word } from "./text.ts";

/** Lines of `tail status`: the proxy, then one row per feed. */
export function statusTable(
  status: ConnectionStatus,
  paint: Paint,
): readonly string[] {
  const now = status.currentTime ? millisecondsOf(status.currentTime) : 0;
  const rows = [
    ["FEED", "STATE", "LAST CONNECTED (UTC)", "SUBS", "TRIES", "MESSAGES"],
    ...status.feeds.map((feed) => feedRow(feed, now)),
  ];
  const widths =
    rows[0]?.map((_, column) =>
      Math.max(...rows.map((row) => row[column]?.length ?? 0))
    ) ?? [];
  const lines = rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column < 3 ? padEnd(cell, width) : cell.padStart(width);
    });
    if (index === 0) return paint("dim", [...cells, "LAST ERROR"].join("  "));
    const feed = status.feeds[index - 1];
    cells[1] = paint(stateStyle(feed?.state), cells[1] ?? "");
    return [...cells, feed?.errorMessage ?? ""].join("  ").trimEnd();
  });
  return [proxyLine(status, now), ...lines];
}

/** Colour of a feed's state: data flows, on its way, or broken. */
export function stateStyle(state: ConnectionState | undefined): Style {
  switch (state) {
    case ConnectionState.CONNECTED:
      return "green";
    case ConnectionState.CONNECTING:
    case ConnectionState.AUTHENTICATING:
    case ConnectionState.RECONNECTING:
      return "yellow";
    case ConnectionState.ERROR:
      return "red";
    default:
      return "dim";
  }
}

function proxyLine(status: ConnectionStatus, now: number): string {
  const started = status.startedAt ? millisecondsOf(status.startedAt) : now;
  return `proxy ${status.version}  ${
    word(EnvironmentSchema, status.environment)
  }  up ${duration(now - started)}  ${status.clientCount} ${
    status.clientCount === 1 ? "stream" : "streams"
  }`;
}

function feedRow(feed: FeedStatus, now: number): string[] {
  const since = feed.lastConnectedAt;
  return [
    word(FeedTypeSchema, feed.feedType),
    word(ConnectionStateSchema, feed.state),
    since === undefined
      ? "never"
      : `${timeOfDay(since, 0)} (${duration(now - millisecondsOf(since))} ago)`,
    grouped(feed.subscriptionCount),
    grouped(feed.reconnectAttempts),
    grouped(feed.messagesReceived),
  ];
}
