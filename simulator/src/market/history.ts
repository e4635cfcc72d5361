/**
 * What one endpoint has produced, for the REST endpoints: trades and bars
 * within a bounded window, and the latest messages of symbols that only a test
 * emits. Sessions do not matter: messages are kept whether or not they were
 * sent to anyone.
 *
 * @module
 */
import type { Message } from "../protocol/messages.ts";
import { parseTimestamp, Timestamp } from "../protocol/timestamp.ts";

/** Lists of messages that REST endpoints page through. */
export type HistoryKind = "trades" | "bars" | "dailyBars";

/** One kept message with its place in the order of production. */
export interface HistoryEntry {
  /** Rises with every message of its kind. */
  readonly number: number;
  /** Nanoseconds since the Unix epoch. */
  readonly nanos: bigint;
  /** The message as it was produced. */
  readonly message: Message;
}

/** Daily bars to keep of a symbol. */
const MAX_DAYS = 10;
/** Symbols of which the latest messages are kept: more than are listed. */
const MAX_SYMBOLS = 20_000;

/** The latest messages, up to twice the capacity. */
class MessageWindow {
  readonly #capacity: number;
  #messages: Message[] = [];
  #dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(message: Message): void {
    if (this.#capacity === 0) return;
    this.#messages.push(message);
    if (this.#messages.length < this.#capacity * 2) return;
    // Dropped in bulk, so that appending stays cheap.
    this.#dropped += this.#messages.length - this.#capacity;
    this.#messages = this.#messages.slice(-this.#capacity);
  }

  *of(symbols: ReadonlySet<string>): Iterable<[number, Message]> {
    for (const [index, message] of this.#messages.entries()) {
      if (symbols.has(message.S)) yield [this.#dropped + index, message];
    }
  }
}

/** The messages that one endpoint has produced. */
export class MarketHistory {
  readonly #trades: MessageWindow;
  readonly #bars: MessageWindow;
  readonly #updatedBars: MessageWindow;
  /** Corrections and cancels. */
  readonly #changes: MessageWindow;
  readonly #days = new Map<string, Message[]>();
  readonly #latestBars = new Map<string, Message>();
  readonly #unlisted = new Map<string, Message>();

  /** Keeps at least the latest `capacity` trades and as many bars. */
  constructor(capacity: number) {
    this.#trades = new MessageWindow(capacity);
    this.#bars = new MessageWindow(capacity);
    this.#updatedBars = new MessageWindow(capacity);
    this.#changes = new MessageWindow(capacity);
  }

  /** Adds a message of the market. */
  record(message: Message): void {
    switch (message.T) {
      case "t":
        return this.#trades.add(message);
      case "b":
        setBounded(this.#latestBars, message.S, message);
        return this.#bars.add(message);
      case "u":
        this.#updateLatest(message);
        return this.#updatedBars.add(message);
      case "d":
        return this.#recordDay(message);
      case "c":
      case "x":
        return this.#changes.add(message);
    }
  }

  /** Keeps the latest trade or quote of a symbol that no listing knows. */
  recordUnlisted(message: Message): void {
    setBounded(this.#unlisted, message.T + message.S, message);
  }

  /** The latest trade or quote of a symbol that no listing knows. */
  latestUnlisted(type: "t" | "q", symbol: string): Message | undefined {
    return this.#unlisted.get(type + symbol);
  }

  /** The latest bar of a symbol, with its updates. */
  latestBar(symbol: string): Message | undefined {
    return this.#latestBars.get(symbol);
  }

  /** The latest daily bar of a symbol. */
  latestDay(symbol: string): Message | undefined {
    return this.#days.get(symbol)?.at(-1);
  }

  /** The daily bar before the latest one. */
  previousDay(symbol: string): Message | undefined {
    return this.#days.get(symbol)?.at(-2);
  }

  /**
   * The kept messages of symbols in order of production. Bars have their
   * updates; trades that were cancelled or corrected have `u` (`canceled`,
   * `incorrect`), and corrected versions follow them with `u` (`corrected`), as
   * in Alpaca's history. Messages without a readable time are left out.
   */
  select(kind: HistoryKind, symbols: ReadonlySet<string>): HistoryEntry[] {
    switch (kind) {
      case "trades":
        return this.#selectTrades(symbols);
      case "bars":
        return this.#selectBars(symbols);
      case "dailyBars":
        return [...symbols].flatMap((symbol) => this.#days.get(symbol) ?? [])
          .flatMap((message, number) => entry(number, message));
    }
  }

  #selectTrades(symbols: ReadonlySet<string>): HistoryEntry[] {
    const changes = new Map<string, Message>();
    for (const [, change] of this.#changes.of(symbols)) {
      const id = change[change.T === "x" ? "i" : "oi"];
      changes.set(`${change.S} ${change["x"]} ${id}`, change);
    }
    return [...this.#trades.of(symbols)].flatMap(([number, trade]) => {
      // A corrected version takes the number after that of the original.
      const place = number * 2;
      const change = changes.size > 0 &&
        changes.get(`${trade.S} ${trade["x"]} ${trade["i"]}`);
      if (!change) return entry(place, trade);
      if (change.T === "x") return entry(place, { ...trade, u: "canceled" });
      return [
        ...entry(place, { ...trade, u: "incorrect" }),
        ...entry(place + 1, correctedTrade(trade, change)),
      ];
    });
  }

  #selectBars(symbols: ReadonlySet<string>): HistoryEntry[] {
    const updates = new Map<string, Message>();
    for (const [, update] of this.#updatedBars.of(symbols)) {
      updates.set(`${update.S} ${update["t"]}`, update);
    }
    return [...this.#bars.of(symbols)].flatMap(([number, bar]) =>
      entry(number, updates.get(`${bar.S} ${bar["t"]}`) ?? bar)
    );
  }

  #updateLatest(update: Message): void {
    const latest = this.#latestBars.get(update.S);
    if (String(latest?.["t"]) !== String(update["t"])) return;
    this.#latestBars.set(update.S, update);
  }

  #recordDay(message: Message): void {
    const days = this.#days.get(message.S) ?? [];
    const isSame = String(days.at(-1)?.["t"]) === String(message["t"]);
    if (isSame) days[days.length - 1] = message;
    else days.push(message);
    if (days.length > MAX_DAYS) days.shift();
    setBounded(this.#days, message.S, days);
  }
}

/** Sets an entry; above the bound the one that was set first is dropped. */
function setBounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  if (map.size <= MAX_SYMBOLS) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** The corrected version of a trade, at the time of the original. */
function correctedTrade(trade: Message, correction: Message): Message {
  return {
    ...trade,
    i: correction["ci"] ?? null,
    p: correction["cp"] ?? null,
    s: correction["cs"] ?? null,
    c: correction["cc"] ?? null,
    u: "corrected",
  };
}

function entry(number: number, message: Message): HistoryEntry[] {
  const { t } = message;
  const time = typeof t === "string" ? parseTimestamp(t) : t;
  if (!(time instanceof Timestamp)) return [];
  const nanos = BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanos);
  return [{ number, nanos, message }];
}
