/**
 * The demo's screen as a pure function of its state and size.
 *
 * From top to bottom: what this is and where it is, the last news, feeds and
 * streams, then instruments and orders in as many rows as there is room for,
 * then the keys. Eighty columns by twenty-four lines show all of it; more room
 * adds columns and rows, less crops.
 *
 * @module
 */
import { feedTable } from "./demo_feed_table.ts";
import { optionRows, orderRows, stockRows } from "./demo_rows.ts";
import type { DemoState, News } from "./demo_state.ts";
import {
  ansi,
  crop,
  padEnd,
  type Paint,
  plain,
  visibleWidth,
} from "./paint.ts";
import { duration } from "./text.ts";

/** The room there is and whether it has colours. */
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
  const paint = color ? ansi : plain;
  const above = [
    title(state, { width, paint }),
    where(state, { width, paint }),
    ...newsLines(state.news, { height, paint }),
    ...feedTable(state, { width, paint }),
  ];
  const below = [keys(state, { width, paint })];
  const room = height - above.length - below.length;
  const tables = sections(state, { width, room, paint });
  const filler = Array<string>(Math.max(0, room - tables.length)).fill("");
  const lines = [...above, ...tables, ...filler].slice(0, height - 1);
  return [...lines, ...below].map((line) => crop(line, width));
}

interface Looks {
  readonly width: number;
  readonly paint: Paint;
}

/** What must be seen comes first: narrow terminals crop on the right. */
function title(state: DemoState, { width, paint }: Looks): string {
  const left = ` ${paint("bold", "Alpaca Stream Proxy")}  ${
    paint("yellow", "DEMO: SIMULATED MARKET, NO REAL DATA")
  }`;
  return spread(left, `${duration(state.elapsedMs)} `, width);
}

function where(state: DemoState, { width, paint }: Looks): string {
  const { grpc, health, metrics } = state.addresses;
  const left = ` gRPC ${paint("cyan", grpc)}  health ${
    paint("cyan", health)
  }  metrics ${paint("cyan", metrics)}`;
  const rate = `market ${state.messagesPerSecond} msg/s `;
  return spread(left, paint("dim", rate), width);
}

const TONES = { good: "green", bad: "red", plain: "dim" } as const;

/** Below this height the news have one line. */
const TALL = 32;

/** Newest last, like a log. */
function newsLines(
  news: readonly News[],
  { height, paint }: { readonly height: number; readonly paint: Paint },
): string[] {
  const count = height < TALL ? 1 : 4;
  const lines = news.slice(0, count).toReversed().map(({ at, tone, text }) => {
    const time = new Date(at).toISOString().slice(11, 19);
    return ` ${paint("dim", time)} ${paint(TONES[tone], text)}`;
  });
  return [...lines, ...Array<string>(count - lines.length).fill("")];
}

function keys(state: DemoState, { width, paint }: Looks): string {
  const key = (name: string, does: string) =>
    `${paint("inverse", ` ${name} `)} ${does}`;
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
  return spread(left, paint("dim", command), width);
}

/** The second text at the right edge, or left out where it does not fit. */
function spread(left: string, right: string, width: number): string {
  const room = width - visibleWidth(right);
  return visibleWidth(left) + 2 > room ? left : padEnd(left, room) + right;
}

/** A table with its heading, and how many rows of it would be good to see. */
interface Section {
  readonly heading: string;
  readonly rows: readonly string[];
}

function sections(
  state: DemoState,
  { room, ...looks }: Looks & { readonly room: number },
): string[] {
  const all: Section[] = [
    stockRows(state.stocks, { ...looks, feed: state.feeds[0] }),
    optionRows(state.options, { ...looks, feed: state.feeds[1] }),
    orderRows(state.orders, looks),
  ];
  // A blank line before each, where four rows of each remain.
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

/** Splits `room` rows: one each in turn until all are content or it is gone. */
export function share(room: number, wanted: readonly number[]): number[] {
  const given = wanted.map(() => 0);
  let left = Math.max(0, room);
  while (left > 0) {
    let gave = false;
    for (const [index, want] of wanted.entries()) {
      const has = given[index] ?? 0;
      if (has >= want || left === 0) continue;
      given[index] = has + 1;
      left--;
      gave = true;
    }
    if (!gave) break;
  }
  return given;
}
