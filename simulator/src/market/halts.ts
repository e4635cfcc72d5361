/**
 * Halts and price bands. At random a symbol with a subscription to statuses or
 * imbalances pauses for volatility: `s` announces the halt, `i` shows the order
 * imbalance meanwhile, `s` ends it. Price bands (`l`) are sent every 30 seconds.
 *
 * @module
 */
import type { Message } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import { type Listings, SubscribedListings } from "./listings.ts";
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

/** Dependencies of halts and price bands. */
interface HaltDependencies {
  readonly subscribers: Subscribers;
  readonly listings: Listings<StockListing>;
  readonly random: SeededRandom;
  /** Mean time between halts; 0 for none. */
  readonly haltEverySeconds: number;
}

/** Halts and price bands of one stock endpoint. */
export class Halts {
  readonly #deps: HaltDependencies;
  readonly #statuses: SubscribedListings<StockListing>;
  readonly #imbalances: SubscribedListings<StockListing>;
  readonly #bands: SubscribedListings<StockListing>;
  /** Halted listings and the second at which they resume. */
  readonly #halted = new Map<string, { listing: StockListing; end: number }>();
  #second = NaN;

  constructor(deps: HaltDependencies) {
    this.#deps = deps;
    const { subscribers, listings } = deps;
    this.#statuses = new SubscribedListings(subscribers, "statuses", listings);
    this.#imbalances = new SubscribedListings(
      subscribers,
      "imbalances",
      listings,
    );
    this.#bands = new SubscribedListings(subscribers, "lulds", listings);
  }

  /** Whether a symbol is halted. */
  isHalted(symbol: string): boolean {
    return this.#halted.size > 0 && this.#halted.has(symbol);
  }

  /** Publishes what is due at `now`, once per second. */
  advanceTo(now: Timestamp): void {
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

  /** Halts or resumes a symbol, or publishes its band or imbalance, now. */
  trigger(
    event: "halt" | "resume" | "band" | "imbalance",
    listing: StockListing,
    now: Timestamp,
  ): void {
    switch (event) {
      case "halt":
        this.#halted.set(listing.symbol, { listing, end: Infinity });
        return this.#publish(status(listing, now, "halt"));
      case "resume":
        return this.#resume(listing, now);
      case "band":
        return this.#publish(band(listing, now));
      case "imbalance":
        return this.#publish(imbalance(listing, now));
    }
  }

  #haltIsDue(): boolean {
    const { random, haltEverySeconds } = this.#deps;
    const subscribed = this.#statuses.listings.length +
      this.#imbalances.listings.length;
    return haltEverySeconds > 0 && subscribed > 0 &&
      random.next() < 1 / haltEverySeconds;
  }

  #halt(now: Timestamp): void {
    const subscribed = [
      ...this.#statuses.listings,
      ...this.#imbalances.listings,
    ];
    const listing = this.#deps.random.pick(subscribed);
    if (this.isHalted(listing.symbol)) return;
    const end = now.seconds + HALT_SECONDS;
    this.#halted.set(listing.symbol, { listing, end });
    this.#publish(status(listing, now, "halt"));
  }

  #resume(listing: StockListing, now: Timestamp): void {
    this.#halted.delete(listing.symbol);
    this.#publish(status(listing, now, "resume"));
  }

  #publish(message: Message): void {
    this.#deps.subscribers.publish(message);
  }
}

function status(
  listing: StockListing,
  t: Timestamp,
  change: "halt" | "resume",
): Message {
  const codes = listing.tape === "C" ? PAUSES.utp : PAUSES.cts;
  const S = listing.symbol;
  return { T: "s", S, ...codes[change], ...codes.reason, t, z: listing.tape };
}

function imbalance({ symbol, instrument, tape }: StockListing, t: Timestamp) {
  const p = Math.round(instrument.price * 100) / 100;
  return { T: "i", S: symbol, p, t, z: tape };
}

function band(
  { symbol, instrument, tape }: StockListing,
  t: Timestamp,
): Message {
  const limit = (factor: number) => Math.round(instrument.price * factor * 100) / 100;
  const u = limit(1 + BAND_WIDTH);
  const d = limit(1 - BAND_WIDTH);
  return { T: "l", S: symbol, u, d, i: "B", t, z: tape };
}
