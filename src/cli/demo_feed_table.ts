/**
 * The table of feeds, on the left, and their streams, on the right.
 *
 * @module
 */
import type { ChannelName } from "../domain/market/channels.ts";
import {
  ConnectionState,
  ConnectionStateSchema,
  type FeedStatus,
  FeedType,
  FeedTypeSchema,
} from "../gen/cream/v1/stream_proxy_pb.ts";
import type { DemoState, StreamFigures } from "./demo_state.ts";
import { type Colors, padEnd } from "./colors.ts";
import { stateStyle } from "./status_table.ts";
import { enumName, grouped, latency } from "./text.ts";

/** Streams by the index of their feed in the status. */
const STREAMS: readonly (readonly [ChannelName, string])[][] = [
  [["stockQuotes", "quotes"], ["stockTrades", "trades"], ["stockBars", "bars"]],
  [["optionQuotes", "option quotes"], ["optionTrades", "option trades"]],
  [["orderUpdates", "order updates"]],
];

const NAMES = ["stocks", "options", "orders"];
const FEED = 13;
const STATE = 15;
const STREAM = 13;

/** From this width on, the 99th percentile and the history are shown. */
const WIDE = 100;

/** One heading and six rows. */
export function feedTable(
  state: DemoState,
  { width, paint }: { readonly width: number; readonly paint: Colors },
): string[] {
  const history = width >= WIDE ? Math.min(40, width - 90) : 0;
  const heading = ` ${"FEED".padEnd(FEED)} ${"STATE".padEnd(STATE)}${
    "SUBS".padStart(5)
  }  ${"STREAM".padEnd(STREAM)}${"MSG/S".padStart(7)}${"TOTAL".padStart(10)}${
    "DELAY".padStart(8)
  }${history > 0 ? "99 %".padStart(9) : ""}${"LOST".padStart(5)}${
    history > 0 ? `  LAST ${history} s` : ""
  }`;
  const rows = STREAMS.flatMap((streams, at) =>
    streams.map(([channel, name], row) => {
      const feed = row === 0
        ? feedCells(state.feeds[at], { name: NAMES[at] ?? "", paint })
        : " ".repeat(FEED + STATE + 6);
      const figures = state.streams[channel];
      return ` ${feed}  ${name.padEnd(STREAM)}${
        streamCells(figures, { history, paint })
      }`;
    })
  );
  return [paint("dim", heading), ...rows];
}

function feedCells(
  feed: FeedStatus | undefined,
  { name, paint }: { readonly name: string; readonly paint: Colors },
): string {
  const label = feed && feed.feedType !== FeedType.TRADE_UPDATES
    ? `${name} ${paint("dim", enumName(FeedTypeSchema, feed.feedType))}`
    : name;
  const state = feed?.state ?? ConnectionState.DISCONNECTED;
  const dot = state === ConnectionState.CONNECTED ? "●" : "○";
  const stateText = `${dot} ${enumName(ConnectionStateSchema, state)}`;
  const subs = feed ? grouped(feed.subscriptionCount) : "-";
  return `${padEnd(label, FEED)} ${
    padEnd(paint(stateStyle(state), stateText), STATE)
  }${subs.padStart(5)}`;
}

function streamCells(
  figures: StreamFigures,
  { history, paint }: { readonly history: number; readonly paint: Colors },
): string {
  const rate = figures.perSecond > 0 && figures.perSecond < 9.95
    ? figures.perSecond.toFixed(1)
    : grouped(Math.round(figures.perSecond));
  const lost = grouped(figures.lost).padStart(5);
  return [
    paint("bold", rate.padStart(7)),
    grouped(figures.total).padStart(10),
    latency(figures.median).padStart(8),
    history > 0 ? latency(figures.slowest).padStart(9) : "",
    figures.lost > 0 ? paint("red", lost) : lost,
    history > 0
      ? `  ${paint("cyan", sparkline(figures.history, history))}`
      : "",
  ].join("");
}

const BARS = [..."▁▂▃▄▅▆▇█"];

/** The last `width` values as bars, from nothing to the highest of them. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(...shown, 0);
  return shown.map((value) =>
    value === 0 ? " " : BARS[
      Math.min(BARS.length - 1, Math.floor(BARS.length * value / highest))
    ]
  ).join("");
}
