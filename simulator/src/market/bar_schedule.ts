/**
 * When bars are due: `b` right after a bar's time is over, `u` half a bar
 * later if late trades changed it, `d` with every bar. A bar without any trade
 * that sets prices is not sent.
 *
 * A symbol whose bars are wanted but whose trades are not has a few trades
 * that nobody sees, made when its bar closes.
 *
 * @module
 */
import type { Faults } from "../faults/faults.ts";
import type { SimulatorRandom } from "../ports.ts";
import { Instant, instantFromMillis } from "../protocol/instant.ts";
import type { Audience } from "../session/audience.ts";
import { sessionDay } from "./calendar.ts";
import { type Listings, Wanted } from "./feed.ts";
import type { StockListing } from "./stock_listing.ts";

const MOST_SILENT_TRADES = 12;

/** What a bar schedule works on. */
export interface BarScheduleParts {
  readonly audience: Audience;
  readonly listings: Listings<StockListing>;
  readonly random: SimulatorRandom;
  readonly faults: Faults;
  readonly barSeconds: number;
  /** Makes a trade that only the bars know of. */
  readonly silentTrade: (listing: StockListing, at: Instant) => void;
}

/** The bars of one stock endpoint. */
export class BarSchedule {
  readonly #parts: BarScheduleParts;
  readonly #wanted: readonly Wanted<StockListing>[];
  #barStart = NaN;
  #updatesDue = false;
  #day = NaN;

  constructor(parts: BarScheduleParts) {
    this.#parts = parts;
    this.#wanted = (["bars", "updatedBars", "dailyBars"] as const).map(
      (channel) => new Wanted(parts.audience, channel, parts.listings),
    );
  }

  /** Publishes what is due at `now`. */
  keepTime(now: Instant): void {
    const { barSeconds } = this.#parts;
    const start = Math.floor(now.seconds / barSeconds) * barSeconds;
    if (Number.isNaN(this.#barStart)) this.#start(start);
    if (start > this.#barStart) {
      this.#closeBars(this.#barStart);
      this.#barStart = start;
      this.#updatesDue = true;
      this.#turnDay(start);
    }
    const elapsed = now.seconds + now.nanos / 1e9 - start;
    if (this.#updatesDue && elapsed >= barSeconds / 2) {
      this.#updatesDue = false;
      this.#publishUpdates(start - barSeconds);
    }
  }

  #start(start: number): void {
    this.#barStart = start;
    this.#day = sessionDay(start * 1000);
  }

  #turnDay(start: number): void {
    const day = sessionDay(start * 1000);
    if (day === this.#day) return;
    this.#day = day;
    for (const listing of this.#parts.listings.all()) listing.closeDay();
  }

  #closeBars(start: number): void {
    const end = new Instant(start + this.#parts.barSeconds, 0).plus(-1);
    this.#tradeSilently(end);
    const t = new Instant(start, 0);
    const day = instantFromMillis(this.#day);
    for (const listing of this.#parts.listings.all()) {
      if (listing.bar.count === 0) continue;
      const bar = listing.closeBar();
      const S = listing.symbol;
      if (!bar.isEligible || this.#parts.faults.isSymbolMuted(S)) continue;
      this.#parts.audience.publish(bar.toElement("b", { S, t }));
      this.#parts.audience.publish(listing.day.toElement("d", { S, t: day }));
    }
  }

  #tradeSilently(at: Instant): void {
    const { audience, random, silentTrade } = this.#parts;
    const wanted = new Set(this.#wanted.flatMap((one) => one.listings));
    for (const listing of wanted) {
      if (audience.wants("trades", listing.symbol)) continue;
      const count = 1 + random.below(MOST_SILENT_TRADES);
      for (let left = count; left > 0; left--) silentTrade(listing, at);
    }
  }

  #publishUpdates(start: number): void {
    const t = new Instant(start, 0);
    for (const listing of this.#parts.listings.all()) {
      const bar = listing.takeUpdatedBar();
      if (!bar?.isEligible) continue;
      const element = bar.toElement("u", { S: listing.symbol, t });
      this.#parts.audience.publish(element);
    }
  }
}
