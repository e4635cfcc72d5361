/**
 * Ends requested symbols from when on they have no data, such as option contracts after their last
 * trading moment.
 *
 * @module
 */
import { UPSTREAM_CHANNELS, type UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Clock } from "../ports/clock.ts";
import { Alarm } from "../timing/alarm.ts";

/** Longest wait until symbols are checked for their end, in ms: the wall clock may be set. */
const END_CHECK_MS = 600_000;

/** What {@linkcode SymbolEnds} needs. */
interface SymbolEndsOptions {
  readonly subscriptions: Pick<Subscriptions, "refCounts">;
  readonly clock: Clock;
  /** Returns from when on a symbol has no data, in wall clock ms. @default never */
  readonly endOf?: ((symbol: string) => number) | undefined;
}

/** What is called when symbols end. */
interface SymbolEndsEvents {
  /** Symbols of a channel have ended. */
  readonly ended: (channel: UpstreamChannel, symbols: readonly string[]) => void;
  /** All symbols were checked while a session is connected. */
  readonly checked: () => void;
}

/** Ends symbols, by an alarm while a session is connected. */
export class SymbolEnds {
  readonly #options: SymbolEndsOptions;
  readonly #events: SymbolEndsEvents;
  readonly #alarm: Alarm;
  #isStarted = false;
  /** Wall clock ms of the next end that the alarm is set for. */
  #endsAt = Infinity;

  constructor(options: SymbolEndsOptions, events: SymbolEndsEvents) {
    this.#options = options;
    this.#events = events;
    this.#alarm = new Alarm(options.clock, () => this.#checkAll());
  }

  /** Whether a symbol has ended. */
  hasEnded(symbol: string): boolean {
    const { endOf, clock } = this.#options;
    return endOf !== undefined && endOf(symbol) <= clock.now();
  }

  /** Checks all symbols, now and whenever one ends. */
  start(): void {
    this.#isStarted = true;
    if (this.#options.endOf) this.#checkAll();
  }

  /** Checks no more. */
  stop(): void {
    this.#isStarted = false;
    this.#alarm.set(undefined);
    this.#endsAt = Infinity;
  }

  /** Ends the symbols that have no data any more, and waits for the end of the others. */
  check(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { endOf, clock, subscriptions: { refCounts } } = this.#options;
    if (!endOf) return;
    const now = clock.now();
    const ended: string[] = [];
    let next = this.#endsAt;
    for (const symbol of symbols) {
      const end = endOf(symbol);
      if (end > now) next = Math.min(next, end);
      else if (refCounts.end({ channel, symbol })) ended.push(symbol);
    }
    if (ended.length > 0) this.#events.ended(channel, ended);
    if (next === this.#endsAt || !this.#isStarted) return;
    this.#endsAt = next;
    this.#alarm.set(clock.monotonic() + Math.min(next - now, END_CHECK_MS));
  }

  /** Checks the symbols of all channels. */
  #checkAll(): void {
    const { refCounts } = this.#options.subscriptions;
    this.#endsAt = Infinity;
    for (const channel of UPSTREAM_CHANNELS) {
      this.check(channel, [...refCounts.symbols(channel).keys()]);
    }
    if (this.#isStarted) this.#events.checked();
  }
}
