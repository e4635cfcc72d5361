/**
 * A WebSocket client as Alpaca's SDKs are one: it logs in, subscribes, and connects elsewhere when
 * its connection ends. Its messages have no sequences, so what is missing is compared by time.
 *
 * @module
 */
import { type LedgerMessage, messageKey } from "../completeness/ledger_reader.ts";
import type { ProducedMessage } from "../completeness/records.ts";
import type { Addresses } from "./addresses.ts";
import type { Span } from "./sessions.ts";
import { Silences } from "./silences.ts";

/** Longest time without a message before the client connects elsewhere. */
const QUIET_MS = 4_000;
/** Messages around a time without a connection may be missing. */
const TOLERANCE_MS = 500;
/** Problems that are listed of a client. */
const MAX_PROBLEMS = 6;

const CHANNELS: Readonly<Record<string, ProducedMessage["channel"]>> = { q: "quotes", t: "trades" };

/** What a client has received. */
export interface WebSocketResult {
  readonly name: string;
  readonly received: number;
  readonly opens: number;
  /** When messages were produced that it has not received while it was subscribed. */
  readonly missingAt: readonly number[];
  readonly problems: readonly string[];
}

/** Follows quotes and trades of symbols from its construction until it is stopped. */
export class WebSocketClient {
  readonly name: string;
  readonly silences = new Silences();
  readonly #symbols: readonly string[];
  readonly #addresses: Addresses;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #received = new Set<string>();
  readonly #problems: string[] = [];
  /** Times in which it was subscribed. */
  readonly #spans: Span[] = [];
  #opens = 0;

  constructor(name: string, symbols: readonly string[], addresses: Addresses) {
    this.name = name;
    this.#symbols = symbols;
    this.#addresses = addresses;
    this.#running = this.#run();
  }

  /** Whether it has subscribed. */
  get isOpen(): boolean {
    return this.#opens > 0;
  }

  /** Data messages so far. */
  get received(): number {
    return this.#received.size;
  }

  /** Ends the connection. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Compares what it has received with what was produced. */
  result(produced: Iterable<ProducedMessage>): WebSocketResult {
    const symbols = new Set(this.#symbols);
    const missingAt = new Set<number>();
    const unclaimed = new Set(this.#received);
    for (const { channel, symbol, key, at } of produced) {
      if (channel === "bars" || !symbols.has(symbol)) continue;
      if (unclaimed.delete(`${channel} ${symbol} ${key}`)) continue;
      const isExpected = this.#spans.some(({ from, to }) =>
        from + TOLERANCE_MS < at && at < to - TOLERANCE_MS
      );
      if (isExpected) missingAt.add(at);
    }
    for (const id of unclaimed) this.#problem(`${id} was never produced`);
    return {
      name: this.name,
      received: this.received,
      opens: this.#opens,
      missingAt: [...missingAt],
      problems: this.#problems,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#follow(signal);
      if (!signal.aborted) await this.#addresses.next(signal);
    }
  }

  /** One connection, until it ends. */
  async #follow(signal: AbortSignal): Promise<void> {
    const socket = new WebSocket(`ws://${this.#addresses.current}/v2/sip`);
    const ended = Promise.withResolvers<void>();
    let subscribedAt = 0;
    let lastAt = Date.now();
    const end = () => ended.resolve();
    const timer = setInterval(() => {
      if (Date.now() - lastAt > QUIET_MS) end();
    }, 1_000);
    signal.addEventListener("abort", end);
    socket.onclose = end;
    socket.onerror = end;
    socket.onopen = () =>
      socket.send(JSON.stringify({ action: "auth", key: "client", secret: "none" }));
    socket.onmessage = ({ data }) => {
      lastAt = Date.now();
      for (const message of JSON.parse(String(data))) {
        if (message.msg === "authenticated") {
          const { quotes, trades } = { quotes: this.#symbols, trades: this.#symbols };
          socket.send(JSON.stringify({ action: "subscribe", quotes, trades }));
        } else if (message.T === "subscription") {
          if (subscribedAt === 0) this.#opens++;
          subscribedAt ||= lastAt;
        } else this.#receive(message, lastAt);
      }
    };
    await ended.promise;
    clearInterval(timer);
    signal.removeEventListener("abort", end);
    socket.onmessage = null;
    if (subscribedAt > 0) this.#spans.push({ from: subscribedAt, to: lastAt });
    try {
      socket.close();
    } catch {
      // It is closed.
    }
  }

  #receive(message: LedgerMessage & { readonly T: string }, at: number): void {
    const channel = CHANNELS[message.T];
    if (channel === undefined) return;
    this.silences.add(at);
    const id = `${channel} ${message.S} ${messageKey(channel, message)}`;
    if (this.#received.has(id)) this.#problem(`${id} is received twice`);
    this.#received.add(id);
  }

  #problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(text);
  }
}
