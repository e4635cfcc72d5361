/**
 * The output of the demo for pipes: lines, two of each kind per second.
 *
 * The queue for a slow reader is bounded; dropped lines are counted, and the
 * count is written.
 *
 * @module
 */
import type { ChannelName } from "../src/domain/market/channels.ts";
import type { DemoAddresses, DemoEvent, DemoState } from "./demo_recorder.ts";
import { STREAMS } from "./demo_tables.ts";
import { messageLine } from "./message_lines.ts";
import { feedName } from "./status_table.ts";
import type { StreamMessage } from "./streams.ts";
import { type Colors, duration, grouped } from "./text.ts";

/** Lines of each kind per second, unless all are shown. */
const SHOWN_PER_SECOND = 2;
const MAX_QUEUED = 10_000;

const LABELS: Readonly<Record<ChannelName, string>> = {
  stockQuotes: "quote",
  stockTrades: "trade",
  stockBars: "bar",
  stockUpdatedBars: "updated bar",
  stockDailyBars: "daily bar",
  tradingStatuses: "status",
  priceBands: "price band",
  tradeCorrections: "correction",
  imbalances: "imbalance",
  optionQuotes: "option quote",
  optionTrades: "option trade",
  orderUpdates: "order",
  cryptoQuotes: "crypto quote",
  cryptoTrades: "crypto trade",
  cryptoBars: "crypto bar",
  cryptoUpdatedBars: "crypto bar",
  cryptoDailyBars: "crypto bar",
  orderbooks: "order book",
  news: "article",
};

/** Queues lines until they are taken. */
export class DemoLines {
  readonly #colors: Colors;
  readonly #limit: number;
  readonly #shown = new Map<ChannelName, number>();
  #lines: string[] = [];
  #dropped = 0;

  constructor(options: { readonly all: boolean; readonly colors: Colors }) {
    this.#colors = options.colors;
    this.#limit = options.all ? Infinity : SHOWN_PER_SECOND;
  }

  /** Adds messages of a stream, as many as are shown. */
  add(channel: ChannelName, messages: readonly StreamMessage[]): void {
    const shown = this.#shown.get(channel) ?? 0;
    const picked = messages.slice(0, Math.max(0, this.#limit - shown));
    this.#shown.set(channel, shown + picked.length);
    for (const message of picked) {
      this.#push(`${LABELS[channel].padEnd(12)}  ${messageLine(message, this.#colors)}`);
    }
  }

  /** Adds a comment, marked with `#`. */
  comment(text: string): void {
    this.#push(this.#colors("dim", `# ${text}`));
  }

  /** Begins the next second. */
  tick(): void {
    this.#shown.clear();
  }

  /** Takes the queued lines, each with its line end. */
  take(): string {
    const lines = this.#lines;
    this.#lines = [];
    if (this.#dropped > 0) {
      lines.push(`# ${this.#dropped} lines dropped: slow reader`);
    }
    this.#dropped = 0;
    return lines.map((line) => `${line}\n`).join("");
  }

  #push(line: string): void {
    if (this.#lines.length < MAX_QUEUED) this.#lines.push(line);
    else this.#dropped++;
  }
}

/** First lines of a demo without a screen. */
export function introduction(
  addresses: DemoAddresses,
  { all }: { readonly all: boolean },
): string[] {
  return [
    "Alpaca Stream Proxy demo: SIMULATED MARKET, NO REAL DATA",
    `gRPC ${addresses.grpc}  health http://${addresses.health}/health  ` +
    `metrics http://${addresses.metrics}/metrics`,
    `from another terminal: deno task tail quotes AAPL --address ${addresses.grpc}`,
    all
      ? "every message is shown"
      : `at most ${SHOWN_PER_SECOND} messages of each kind per second are ` +
        "shown; --all shows every one",
  ];
}

/** One line with the rates. */
export function ratesLine(state: DemoState): string {
  const rates = STREAMS.flat().map(([channel, name]) =>
    `${name} ${grouped(Math.round(state.streams[channel].perSecond))}/s`
  );
  return `${duration(state.elapsedMs)}  ${rates.join("  ")}`;
}

/** An event as a comment. */
export function eventText(event: Pick<DemoEvent, "tone" | "text">): string {
  return event.tone === "bad" ? `! ${event.text}` : event.text;
}

/** Last lines: messages received and dropped, and how long feeds were disconnected. */
export function summary(state: DemoState): string[] {
  const seconds = Math.max(0.001, state.elapsedMs / 1000);
  const figures = STREAMS.flat().map(([channel, name]) => ({
    name,
    ...state.streams[channel],
  }));
  const total = figures.reduce((sum, stream) => sum + stream.total, 0);
  const dropped = figures.reduce((sum, stream) => sum + stream.dropped, 0);
  const outages = state.feeds.flatMap((feed, at) => {
    const { totalMs = 0 } = state.outages[at] ?? {};
    return totalMs > 0 ? [`${feedName(feed)} ${(totalMs / 1000).toFixed(1)} s`] : [];
  });
  return [
    `The demo ran ${duration(state.elapsedMs)}: ${grouped(total)} messages through the proxy, ${
      grouped(dropped)
    } dropped.`,
    ...figures.map(({ name, total, dropped }) =>
      `  ${name.padEnd(14)}${grouped(total).padStart(9)}${
        grouped(Math.round(total / seconds)).padStart(8)
      }/s${dropped > 0 ? `  ${grouped(dropped)} dropped` : ""}`
    ),
    `  outages       ${outages.length > 0 ? outages.join(", ") : "none"}`,
  ];
}
