/**
 * Connectors against a scripted exchange, with time turned by hand.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import type {
  FeedConnector,
  SubscriptionReplies,
} from "../../../src/application/ports/feed_connector.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import type { OptionQuote } from "../../../src/domain/market/option_events.ts";
import type { OrderUpdate } from "../../../src/domain/market/order_events.ts";
import type { StockQuote } from "../../../src/domain/market/stock_events.ts";
import type { Pair, UpstreamChannel } from "../../../src/domain/subscription/pairs.ts";
import {
  createMarketConnector,
  optionFormat,
  stockFormat,
} from "../../../src/infrastructure/alpaca/market.ts";
import { createTradingConnector } from "../../../src/infrastructure/alpaca/trading.ts";
import { ManualClock, settle } from "../../support/manual_clock.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { stockSinks } from "../../support/stock_sinks.ts";
import type { ScriptedPeer } from "../../support/scripted_exchange.ts";

/** Deadlines that pass only when a test turns the clock. */
export const DEADLINES = { dialMs: 3_000, replyMs: 4_000 };

export const KEY = "PK0123456789";
export const SECRET = "dont-tell-anyone";

const credentials = () => ({ key: KEY, secret: SECRET });
const redact = (text: string) => text.replaceAll(SECRET, "<secret>");

/** A welcome and a successful login, as the server says them. */
export const CONNECTED = [{ T: "success", msg: "connected" }];
export const AUTHENTICATED = [{ T: "success", msg: "authenticated" }];
export const AUTHORIZED = {
  stream: "authorization",
  data: { status: "authorized", action: "authenticate" },
};
export const LISTENING = {
  stream: "listening",
  data: { streams: ["trade_updates"] },
};

/** What a promise gives, or a failure when it takes five seconds. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("Too late")), 5_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A wait for something that grows, which fails rather than hangs. */
class Growth {
  #grown = Promise.withResolvers<void>();

  grow(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers();
  }

  async until(enough: () => boolean, describe: () => string): Promise<void> {
    try {
      while (!enough()) await soon(this.#grown.promise);
    } catch (cause) {
      throw new Error(`Still only ${describe()}`, { cause });
    }
  }
}

/** Advances the clock once there is a sleeper. */
export async function turn(clock: ManualClock, ms: number): Promise<void> {
  for (let i = 0; clock.sleepers === 0; i++) {
    if (i === 1_000_000) throw new Error("The clock has no sleeper");
    await settle();
  }
  await clock.advance(ms);
}

/** The events of a session, as short texts in order. */
export class RecordingEvents implements SubscriptionReplies {
  readonly calls: string[] = [];
  readonly #growth = new Growth();

  opened(): void {
    this.#record("opened");
  }

  acknowledged(state: ReadonlyMap<string, ReadonlySet<string>>): void {
    const sets = [...state].map(([name, set]) => `${name}=${[...set]}`);
    this.#record(`acknowledged ${sets.join(" ")}`.trimEnd());
  }

  rejected(error: { readonly code: number; readonly message: string }): void {
    this.#record(`rejected ${error.code} ${error.message}`);
  }

  /** Resolves when `count` events were recorded. */
  until(count: number): Promise<void> {
    return this.#growth.until(
      () => this.calls.length >= count,
      () => `calls: ${this.calls.join(", ")}`,
    );
  }

  #record(text: string): void {
    this.calls.push(text);
    this.#growth.grow();
  }
}

/** A sink that signals when it has grown. */
class RecordingSink<T> {
  readonly events: T[] = [];
  readonly #growth = new Growth();

  mayHaveSubscribers(): boolean {
    return true;
  }

  publish(event: T): void {
    this.events.push(event);
    this.#growth.grow();
  }

  unreadable(): void {}

  /** Resolves when there are `count` events. */
  until(count: number): Promise<void> {
    return this.#growth.until(
      () => this.events.length >= count,
      () => `${this.events.length} of ${count} events`,
    );
  }
}

abstract class Dependencies {
  abstract readonly connector: FeedConnector;
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly counters = createCounters().feeds.sip;
  readonly events = new RecordingEvents();
  readonly abort = new AbortController();
  readonly revocation = new AbortController();
  readonly nothing = new RecordingSink<never>();

  connect() {
    const { events, abort: { signal } } = this;
    return this.connector.connect({
      onOpened: () => events.opened(),
      subscriptions: events,
      signal,
    });
  }
}

/** A connector of the stock stream and all that it touches. */
export class Stocks extends Dependencies {
  readonly quotes = new RecordingSink<StockQuote>();
  readonly connector: FeedConnector;

  constructor(url: string) {
    super();
    const { clock, log, counters, quotes, nothing, revocation } = this;
    this.connector = createMarketConnector({
      url,
      format: stockFormat({ ...stockSinks(nothing), quotes }),
      credentials,
      redact,
      counters,
      clock,
      log,
      deadlines: DEADLINES,
      revoked: revocation.signal,
    });
  }
}

/** A connector of the option stream and all that it touches. */
export class Options extends Dependencies {
  readonly quotes = new RecordingSink<OptionQuote>();
  readonly connector: FeedConnector;

  constructor(url: string) {
    super();
    const { clock, log, counters, quotes, nothing, revocation } = this;
    this.connector = createMarketConnector({
      url,
      format: optionFormat({ quotes, trades: nothing }),
      credentials,
      redact,
      counters,
      clock,
      log,
      deadlines: DEADLINES,
      revoked: revocation.signal,
    });
  }
}

/** A connector of the trading stream and all that it touches. */
export class Trading extends Dependencies {
  readonly orders = new RecordingSink<OrderUpdate>();
  readonly connector: FeedConnector;

  constructor(url: string) {
    super();
    const { clock, log, counters, orders: sink, revocation } = this;
    this.connector = createTradingConnector({
      url,
      sink,
      credentials,
      counters,
      clock,
      log,
      deadlines: DEADLINES,
      revoked: revocation.signal,
    });
  }
}

/** Plays the server's part of a market login in JSON. */
export async function acceptLogin(peer: ScriptedPeer): Promise<void> {
  peer.send(CONNECTED);
  await peer.receive();
  peer.send(AUTHENTICATED);
}

/** Plays the server's part of a trading login. */
export async function acceptTradingLogin(peer: ScriptedPeer): Promise<void> {
  await peer.receive();
  peer.send(AUTHORIZED);
  await peer.receive();
  peer.send(LISTENING);
}

/** A stock quote with the given bid, as the server says it. */
export function quote(bp: number): Record<string, unknown> {
  const t = "2026-09-14T14:30:02Z";
  return { T: "q", S: "AAPL", bp, bs: 1, ap: 2, as: 1, c: ["R"], t, z: "C" };
}

/** A value as MessagePack. */
export function packed(value: unknown): Uint8Array {
  return encode(value);
}

/** A request of the given symbols. */
export function request(
  action: "subscribe" | "unsubscribe",
  symbols: Partial<Record<UpstreamChannel, readonly string[]>>,
) {
  const pairs: Pair[] = Object.entries(symbols).flatMap(([channel, names]) =>
    names.map((symbol) => ({ channel: channel as UpstreamChannel, symbol }))
  );
  return { action, pairs, probe: false };
}

/** A request that changes nothing. */
export const PROBE = { action: "subscribe", pairs: [], probe: true } as const;
