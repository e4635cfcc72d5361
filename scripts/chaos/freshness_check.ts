/**
 * Checks that no message is live while its feed is stale, and that no message is in a gap, or in
 * two of them.
 *
 * @module
 */
import type { Item, NoticeJson } from "../completeness/records.ts";

/** Problems that are listed of a stream. */
const MAX_PROBLEMS = 6;
/** Gaps and messages have times of the hub; rounding, in ms. */
const ROUNDING_MS = 1;

/** What is known of a symbol. */
interface SymbolTimes {
  /** When the last message was received by the hub. */
  receivedAt: number;
  /** End of the last gap. */
  gapEnd: number;
}

/** Checks one stream over all its calls. */
export class FreshnessCheck {
  readonly problems: string[] = [];
  readonly #times = new Map<string, SymbolTimes>();
  readonly #staleSymbols = new Set<string>();
  #isStale = false;

  /** Checks the next item of the stream. */
  add(item: Item): void {
    if (item.kind === "data") this.#addData(item);
    else if (item.kind === "notice") this.#addNotice(item.notice);
  }

  #addData({ symbol, origin, receivedAt, key }: Extract<Item, { kind: "data" }>): void {
    if (origin !== "live") return;
    if (this.#isStale || this.#staleSymbols.has(symbol)) {
      this.#problem(`${symbol} ${key} is live while the feed is stale`);
    }
    const times = this.#of(symbol);
    if (receivedAt < times.gapEnd - ROUNDING_MS) {
      this.#problem(`${symbol} ${key} is received and in a gap until ${iso(times.gapEnd)}`);
    }
    times.receivedAt = receivedAt;
  }

  #addNotice({ hello, feed, gap }: NoticeJson): void {
    if (hello) {
      // Gaps are sent again by a resume; another edge has its own.
      this.#times.clear();
      this.#staleSymbols.clear();
      this.#isStale = isStale(hello.feed);
    }
    if (feed) this.#addFeed(feed);
    const isOutage = gap?.reason === "GAP_REASON_UPSTREAM_LOST";
    if (isOutage && gap?.startTime && gap.endTime) this.#addGap(gap);
  }

  #addFeed(feed: NonNullable<NoticeJson["feed"]>): void {
    const { symbols = [] } = feed;
    if (symbols.length === 0) this.#isStale = isStale(feed);
    for (const symbol of symbols) {
      if (isStale(feed)) this.#staleSymbols.add(symbol);
      else this.#staleSymbols.delete(symbol);
    }
  }

  #addGap({ startTime = "", endTime = "", symbols = [] }: NonNullable<NoticeJson["gap"]>): void {
    const [start, end] = [Date.parse(startTime), Date.parse(endTime)];
    const concerned = symbols.length > 0 ? symbols : [...this.#times.keys()];
    for (const symbol of concerned) {
      const times = this.#of(symbol);
      if (start < times.gapEnd - ROUNDING_MS) {
        this.#problem(`${symbol}: gaps until ${iso(times.gapEnd)} and from ${iso(start)}`);
      }
      if (start < times.receivedAt - ROUNDING_MS) {
        const { receivedAt } = times;
        this.#problem(`${symbol}: received at ${iso(receivedAt)}, in a gap from ${iso(start)}`);
      }
      times.gapEnd = Math.max(end, times.gapEnd);
    }
  }

  #of(symbol: string): SymbolTimes {
    let times = this.#times.get(symbol);
    if (!times) this.#times.set(symbol, times = { receivedAt: 0, gapEnd: 0 });
    return times;
  }

  #problem(text: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(text);
  }
}

function isStale(feed: NoticeJson["feed"]): boolean {
  return feed?.freshness === "FRESHNESS_STALE";
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
