/**
 * The screen of the demo as a pure function of its state and size.
 *
 * From top to bottom: title and addresses, the last events, feeds and streams,
 * then instruments and orders in the remaining rows, then the keys. 80 columns
 * by 24 lines show all of it; a larger screen has more columns and rows, a
 * smaller one crops.
 *
 * @module
 */
import type { DemoEvent, DemoState } from "./demo_recorder.ts";
import { feedTable, optionTable, orderTable, stockTable, type TableTheme } from "./demo_tables.ts";
import {
  ansi,
  type Colors,
  crop,
  duration,
  padEnd,
  plain,
  type Table,
  visibleWidth,
} from "./text.ts";

/** Size of the screen, and whether it has colours. */
export interface ViewSize {
  readonly width: number;
  readonly height: number;
  readonly color: boolean;
}

/** At most `height` lines of at most `width` columns. */
export function renderDemo(
  state: DemoState,
  { width, height, color }: ViewSize,
): string[] {
  const colors = color ? ansi : plain;
  const feeds = feedTable(state, { width, colors });
  const above = [
    title(state, { width, colors }),
    where(state, { width, colors }),
    ...eventLines(state.events, { height, colors }),
    feeds.heading,
    ...feeds.rows,
  ];
  const below = [keys(state, { width, colors })];
  const room = height - above.length - below.length;
  const tables = sections(state, { width, room, colors });
  const filler = Array<string>(Math.max(0, room - tables.length)).fill("");
  const lines = [...above, ...tables, ...filler].slice(0, height - 1);
  return [...lines, ...below].map((line) => crop(line, width));
}

/** The most important text is on the left: narrow terminals crop on the right. */
function title(state: DemoState, { width, colors }: TableTheme): string {
  const left = ` ${colors("bold", "Alpaca Stream Proxy")}  ${
    colors("yellow", "DEMO: SIMULATED MARKET, NO REAL DATA")
  }`;
  return spread(left, `${duration(state.elapsedMs)} `, width);
}

function where(state: DemoState, { width, colors }: TableTheme): string {
  const { grpc, health, metrics } = state.addresses;
  const left = ` gRPC ${colors("cyan", grpc)}  health ${colors("cyan", health)}  metrics ${
    colors("cyan", metrics)
  }`;
  const rate = `market ${state.messagesPerSecond} msg/s `;
  return spread(left, colors("dim", rate), width);
}

const TONES = { good: "green", bad: "red", plain: "dim" } as const;

/** Below this height one event is shown. */
const TALL = 32;

/** Newest last, like a log. */
function eventLines(
  events: readonly DemoEvent[],
  { height, colors }: { readonly height: number; readonly colors: Colors },
): string[] {
  const count = height < TALL ? 1 : 4;
  const lines = events.slice(0, count).toReversed().map(
    ({ at, tone, text }) => {
      const time = new Date(at).toISOString().slice(11, 19);
      return ` ${colors("dim", time)} ${colors(TONES[tone], text)}`;
    },
  );
  return [...lines, ...Array<string>(count - lines.length).fill("")];
}

function keys(state: DemoState, { width, colors }: TableTheme): string {
  const key = (name: string, does: string) => `${colors("inverse", ` ${name} `)} ${does}`;
  const left = [
    "",
    key("d", "drop a feed"),
    key("m", "mute one"),
    key("q", "quit"),
  ].join(" ");
  const address = state.addresses.grpc === "localhost:50052"
    ? ""
    : ` --address ${state.addresses.grpc}`;
  const command = `deno task tail quotes AAPL${address} `;
  return spread(left, colors("dim", command), width);
}

/** Puts `right` at the right edge, or omits it where it does not fit. */
function spread(left: string, right: string, width: number): string {
  const room = width - visibleWidth(right);
  return visibleWidth(left) + 2 > room ? left : padEnd(left, room) + right;
}

function sections(
  state: DemoState,
  { room, ...theme }: TableTheme & { readonly room: number },
): string[] {
  const all: Table[] = [
    stockTable(state.stocks, { ...theme, ...feedOf(state, 0) }),
    optionTable(state.options, { ...theme, ...feedOf(state, 1) }),
    orderTable(state.orders, theme),
  ];
  // A blank line before each, if that leaves four rows of each.
  const spaced = room >= 6 * all.length;
  const overhead = spaced ? 2 : 1;
  const shares = share(
    room - overhead * all.length,
    all.map((section) => section.rows.length),
  );
  return all.flatMap((section, index) => {
    const rows = section.rows.slice(0, shares[index]);
    if ((shares[index] ?? 0) === 0) return [];
    return [...(spaced ? [""] : []), section.heading, ...rows];
  });
}

function feedOf({ feeds, outages }: DemoState, at: number) {
  return { feed: feeds[at], outageMs: outages[at]?.presentMs };
}

/** Distributes `room` rows: one each in turn until all are satisfied or none is left. */
export function share(room: number, wanted: readonly number[]): number[] {
  const given = wanted.map(() => 0);
  let left = Math.max(0, room);
  while (left > 0) {
    let assigned = false;
    for (const [index, want] of wanted.entries()) {
      const has = given[index] ?? 0;
      if (has >= want || left === 0) continue;
      given[index] = has + 1;
      left--;
      assigned = true;
    }
    if (!assigned) break;
  }
  return given;
}
