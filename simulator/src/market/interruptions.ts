/**
 * Halts and price bands. Now and then a symbol whose statuses or imbalances
 * somebody follows pauses for volatility: `s` says so, `i` shows the order
 * imbalance while it lasts, and `s` ends it. Price bands (`l`) are sent every
 * half minute to those who follow them.
 *
 * @module
 */
import type { SimulatorRandom } from "../ports.ts";
import type { Element } from "../protocol/elements.ts";
import type { Instant } from "../protocol/instant.ts";
import type { Audience } from "../session/audience.ts";
import { type Listings, Wanted } from "./feed.ts";
import type { StockListing } from "./stock_listing.ts";

const HALT_SECONDS = 10;
const BAND_SECONDS = 30;
const BAND_WIDTH = 0.05;

/** Status and reason codes of a volatility pause, by tape. */
const PAUSES = {
  utp: {
    halt: { sc: "P", sm: "Volatility Trading Pause" },
    resume: { sc: "T", sm: "Trading Resumption" },
    reason: { rc: "LUDP", rm: "Volatility Trading Pause" },
  },
  cts: {
    halt: { sc: "2", sm: "Trading Halt" },
    resume: { sc: "3", sm: "Resume" },
    reason: { rc: "M", rm: "Volatility Trading Pause" },
  },
} as const;

/** What interruptions work on. */
export interface InterruptionParts {
  readonly audience: Audience;
  readonly listings: Listings<StockListing>;
  readonly random: SimulatorRandom;
  /** Mean time between halts; 0 for none. */
  readonly haltEverySeconds: number;
}

/** Halts and price bands of one stock endpoint. */
export class Interruptions {
  readonly #parts: InterruptionParts;
  readonly #statuses: Wanted<StockListing>;
  readonly #imbalances: Wanted<StockListing>;
  readonly #bands: Wanted<StockListing>;
  /** Halted listings and the second at which they resume. */
  readonly #halted = new Map<string, { listing: StockListing; end: number }>();
  #second = NaN;

  constructor(parts: InterruptionParts) {
    this.#parts = parts;
    const { audience, listings } = parts;
    this.#statuses = new Wanted(audience, "statuses", listings);
    this.#imbalances = new Wanted(audience, "imbalances", listings);
    this.#bands = new Wanted(audience, "lulds", listings);
  }

  /** Whether a symbol is halted now. */
  isHalted(symbol: string): boolean {
    return this.#halted.size > 0 && this.#halted.has(symbol);
  }

  /** Publishes what is due; does its work once a second. */
  keepTime(now: Instant): void {
    if (now.seconds === this.#second) return;
    this.#second = now.seconds;
    for (const { listing, end } of [...this.#halted.values()]) {
      if (now.seconds >= end) this.#resume(listing, now);
      else this.#publish(imbalance(listing, now));
    }
    if (this.#haltIsDue()) this.#halt(now);
    if (now.seconds % BAND_SECONDS === 0) {
      for (const listing of this.#bands.listings) {
        this.#publish(band(listing, now));
      }
    }
  }

  #haltIsDue(): boolean {
    const { random, haltEverySeconds } = this.#parts;
    const followed = this.#statuses.listings.length +
      this.#imbalances.listings.length;
    return haltEverySeconds > 0 && followed > 0 &&
      random.next() < 1 / haltEverySeconds;
  }

  #halt(now: Instant): void {
    const followed = [
      ...this.#statuses.listings,
      ...this.#imbalances.listings,
    ];
    const listing = this.#parts.random.pick(followed);
    if (this.isHalted(listing.symbol)) return;
    const end = now.seconds + HALT_SECONDS;
    this.#halted.set(listing.symbol, { listing, end });
    this.#publish(status(listing, now, "halt"));
  }

  #resume(listing: StockListing, now: Instant): void {
    this.#halted.delete(listing.symbol);
    this.#publish(status(listing, now, "resume"));
  }

  #publish(element: Element): void {
    this.#parts.audience.publish(element);
  }
}

function status(
  listing: StockListing,
  t: Instant,
  change: "halt" | "resume",
): Element {
  const codes = listing.tape === "C" ? PAUSES.utp : PAUSES.cts;
  const S = listing.symbol;
  return { T: "s", S, ...codes[change], ...codes.reason, t, z: listing.tape };
}

function imbalance({ symbol, instrument, tape }: StockListing, t: Instant) {
  const p = Math.round(instrument.price * 100) / 100;
  return { T: "i", S: symbol, p, t, z: tape };
}

function band({ symbol, instrument, tape }: StockListing, t: Instant): Element {
  const limit = (factor: number) =>
    Math.round(instrument.price * factor * 100) / 100;
  const u = limit(1 + BAND_WIDTH);
  const d = limit(1 - BAND_WIDTH);
  return { T: "l", S: symbol, u, d, i: "B", t, z: tape };
}
