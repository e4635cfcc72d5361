/**
 * The demo for pipes: lines, a few of each kind a second.
 *
 * Lines that wait for a slow reader are bounded; what does not fit is counted
 * and the count is written.
 *
 * @module
 */
import type { ChannelName } from "../domain/market/channels.ts";
import type {
  OptionQuoteUpdate,
  OptionTrade,
  OrderUpdate,
  StockBar,
  StockQuote,
  StockTrade,
} from "../gen/cream/v1/stream_proxy_pb.ts";
import type { DemoListener } from "./demo_client.ts";
import type { DemoAddresses, DemoState, News } from "./demo_state.ts";
import {
  optionQuoteLine,
  optionTradeLine,
  orderLine,
  stockBarLine,
  stockQuoteLine,
  stockTradeLine,
} from "./message_lines.ts";
import type { Paint } from "./paint.ts";
import { duration, grouped } from "./text.ts";

/** Of each kind in a second, unless all are wanted. */
const SHOWN_PER_SECOND = 2;
const MAX_WAITING = 10_000;

/** The streams in the order of every line about them. */
export const STREAM_NAMES: readonly (readonly [ChannelName, string])[] = [
  ["stockQuotes", "quotes"],
  ["stockTrades", "trades"],
  ["stockBars", "bars"],
  ["optionQuotes", "option quotes"],
  ["optionTrades", "option trades"],
  ["orderUpdates", "order updates"],
];

/** Collects lines until they are taken. */
export class DemoLines implements DemoListener {
  readonly #paint: Paint;
  readonly #limit: number;
  readonly #shown = new Map<string, number>();
  #lines: string[] = [];
  #left = 0;

  constructor(options: { readonly all: boolean; readonly paint: Paint }) {
    this.#paint = options.paint;
    this.#limit = options.all ? Infinity : SHOWN_PER_SECOND;
  }

  stockQuotes(quotes: readonly StockQuote[]): void {
    this.#add("quote", quotes, stockQuoteLine);
  }

  stockTrades(trades: readonly StockTrade[]): void {
    this.#add("trade", trades, stockTradeLine);
  }

  stockBars(bars: readonly StockBar[]): void {
    this.#add("bar", bars, stockBarLine);
  }

  optionQuotes(quotes: readonly OptionQuoteUpdate[]): void {
    this.#add("option quote", quotes, optionQuoteLine);
  }

  optionTrades(trades: readonly OptionTrade[]): void {
    this.#add("option trade", trades, optionTradeLine);
  }

  orderUpdates(updates: readonly OrderUpdate[]): void {
    this.#add("order", updates, orderLine);
  }

  /** Adds a remark, marked as one. */
  remark(text: string): void {
    this.#push(this.#paint("dim", `# ${text}`));
  }

  /** Ends a second: kinds may be shown again. */
  tick(): void {
    this.#shown.clear();
  }

  /** Hands out what has gathered, every line with its end. */
  take(): string {
    const lines = this.#lines;
    this.#lines = [];
    if (this.#left > 0) {
      lines.push(`# ${this.#left} lines left out: slow reader`);
    }
    this.#left = 0;
    return lines.map((line) => `${line}\n`).join("");
  }

  #add<T>(
    kind: string,
    messages: readonly T[],
    toLine: (message: T, paint: Paint) => string,
  ): void {
    const shown = this.#shown.get(kind) ?? 0;
    const picked = messages.slice(0, Math.max(0, this.#limit - shown));
    this.#shown.set(kind, shown + picked.length);
    for (const message of picked) {
      this.#push(`${kind.padEnd(12)}  ${toLine(message, this.#paint)}`);
    }
  }

  #push(line: string): void {
    if (this.#lines.length < MAX_WAITING) this.#lines.push(line);
    else this.#left++;
  }
}

/** First lines of a demo without a screen. */
export function greeting(
  addresses: DemoAddresses,
  { all }: { readonly all: boolean },
): string[] {
  return [
    "Alpaca Stream Proxy demo: SIMULATED MARKET, NO REAL DATA",
    `gRPC ${addresses.grpc}  health http://${addresses.health}/health  metrics http://${addresses.metrics}/metrics`,
    `from another terminal: deno task tail quotes AAPL --address ${addresses.grpc}`,
    all
      ? "every message is shown"
      : `at most ${SHOWN_PER_SECOND} messages of each kind a second are shown; --all shows every one`,
  ];
}

/** One line on how much flows. */
export function ratesLine(state: DemoState): string {
  const rates = STREAM_NAMES.map(([channel, name]) =>
    `${name} ${grouped(Math.round(state.streams[channel].perSecond))}/s`
  );
  return `${duration(state.elapsedMs)}  ${rates.join("  ")}`;
}

/** News as a remark. */
export function newsText(news: Pick<News, "tone" | "text">): string {
  return news.tone === "bad" ? `! ${news.text}` : news.text;
}

/** Last lines: what came, what was lost. */
export function summary(state: DemoState): string[] {
  const seconds = Math.max(0.001, state.elapsedMs / 1000);
  const figures = STREAM_NAMES.map(([channel, name]) => ({
    name,
    ...state.streams[channel],
  }));
  const total = figures.reduce((sum, stream) => sum + stream.total, 0);
  const lost = figures.reduce((sum, stream) => sum + stream.lost, 0);
  return [
    `The demo ran ${duration(state.elapsedMs)}: ${
      grouped(total)
    } messages through the proxy, ${grouped(lost)} lost.`,
    ...figures.map(({ name, total, lost }) =>
      `  ${name.padEnd(14)}${grouped(total).padStart(9)}${
        grouped(Math.round(total / seconds)).padStart(8)
      }/s${lost > 0 ? `  ${grouped(lost)} lost` : ""}`
    ),
  ];
}
