/**
 * The sessions of one endpoint by the channels and symbols they subscribe to.
 *
 * A message is encoded at most once per encoding, and only if a session
 * subscribes to it; the sessions share the bytes.
 *
 * @module
 */
import { type ChannelName, channelOfType } from "../protocol/endpoints.ts";
import type { Message } from "../protocol/messages.ts";
import { encode, type Encoded, type Encoding } from "../protocol/encoding.ts";

/** The part of a session that receives messages. */
export interface Subscriber {
  readonly encoding: Encoding;
  /** Takes one encoded message; sent at the next `flush`. */
  deliver(message: Encoded): void;
  /** Sends what was delivered. */
  flush(): void;
}

/** What the sessions subscribe to on one channel. */
interface SubscribedSymbols {
  /** Whether a session subscribes to `*`. */
  readonly all: boolean;
  /** Symbols subscribed by name. */
  readonly symbols: Iterable<string>;
}

/** The sessions of one endpoint and their subscriptions. */
export class Subscribers {
  readonly #bySymbol = new Map<ChannelName, Map<string, Set<Subscriber>>>();
  readonly #wildcards = new Map<ChannelName, Set<Subscriber>>();
  readonly #unflushed = new Set<Subscriber>();
  #version = 0;

  /** Grows with every change of a subscription. */
  get version(): number {
    return this.#version;
  }

  /** Adds or deletes a session's subscription to a symbol, or to `*`. */
  change(
    subscriber: Subscriber,
    { change, channel, symbol }: {
      change: "add" | "delete";
      channel: ChannelName;
      symbol: string;
    },
  ): void {
    this.#version++;
    if (symbol === "*") {
      changeSet(this.#wildcards, channel, change, subscriber);
      return;
    }
    let symbols = this.#bySymbol.get(channel);
    if (!symbols) this.#bySymbol.set(channel, symbols = new Map());
    changeSet(symbols, symbol, change, subscriber);
  }

  /** What the sessions subscribe to on a channel. */
  subscribed(channel: ChannelName): SubscribedSymbols {
    return {
      all: this.#wildcards.has(channel),
      symbols: this.#bySymbol.get(channel)?.keys() ?? [],
    };
  }

  /** Whether a session receives messages of a channel and symbol. */
  has(channel: ChannelName, symbol: string): boolean {
    return this.#wildcards.has(channel) ||
      (this.#bySymbol.get(channel)?.has(symbol) ?? false);
  }

  /** Delivers a message to its subscribers; returns their number. */
  publish(message: Message): number {
    const channel = channelOfType(message.T);
    if (channel === undefined) return 0;
    const named = this.#bySymbol.get(channel)?.get(message.S);
    const wildcards = this.#wildcards.get(channel);
    if (!named && !wildcards) return 0;
    const encodings: Partial<Record<Encoding, Encoded>> = {};
    let delivered = 0;
    const deliver = (subscriber: Subscriber) => {
      const { encoding } = subscriber;
      subscriber.deliver(encodings[encoding] ??= encode(encoding, message));
      this.#unflushed.add(subscriber);
      delivered++;
    };
    named?.forEach(deliver);
    wildcards?.forEach((subscriber) => {
      if (!named?.has(subscriber)) deliver(subscriber);
    });
    return delivered;
  }

  /** Sends what was published since the last flush. */
  flush(): void {
    for (const subscriber of this.#unflushed) subscriber.flush();
    this.#unflushed.clear();
  }
}

function changeSet<K>(
  sets: Map<K, Set<Subscriber>>,
  key: K,
  change: "add" | "delete",
  subscriber: Subscriber,
): void {
  const set = sets.get(key) ?? new Set();
  set[change](subscriber);
  if (set.size > 0) sets.set(key, set);
  else sets.delete(key);
}
