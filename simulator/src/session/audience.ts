/**
 * Who listens to one endpoint, indexed by channel and symbol.
 *
 * An element is encoded at most once per encoding, and only when somebody
 * wants it; the bytes are shared by all sessions.
 *
 * @module
 */
import { type ChannelName, channelOfType } from "../protocol/channels.ts";
import type { Element } from "../protocol/elements.ts";
import { encode, type Encoded, type Encoding } from "../protocol/encoding.ts";

/** The part of a session that an audience needs. */
export interface Listener {
  readonly encoding: Encoding;
  /** Takes one encoded element; sent at the next `flush`. */
  deliver(element: Encoded): void;
  /** Writes what was delivered. */
  flush(): void;
}

/** What somebody wants of one channel. */
export interface Demand {
  /** Whether somebody wants every symbol. */
  readonly everything: boolean;
  /** Symbols that are wanted by name. */
  readonly symbols: Iterable<string>;
}

/** The sessions of one endpoint and their interests. */
export class Audience {
  readonly #named = new Map<ChannelName, Map<string, Set<Listener>>>();
  readonly #wild = new Map<ChannelName, Set<Listener>>();
  readonly #waiting = new Set<Listener>();
  #version = 0;

  /** Grows with every change of interest. */
  get version(): number {
    return this.#version;
  }

  /** Adds or deletes a session's interest in a symbol, or in `*`. */
  change(
    listener: Listener,
    interest: {
      change: "add" | "delete";
      channel: ChannelName;
      symbol: string;
    },
  ): void {
    this.#version++;
    const sets = interest.symbol === "*"
      ? this.#wild
      : this.#channel(interest.channel);
    const key = interest.symbol === "*" ? interest.channel : interest.symbol;
    alter(sets as Map<string, Set<Listener>>, { ...interest, key, listener });
  }

  /** What is wanted of a channel. */
  demand(channel: ChannelName): Demand {
    return {
      everything: this.#wild.has(channel),
      symbols: this.#named.get(channel)?.keys() ?? [],
    };
  }

  /** Whether anybody receives elements of a channel and symbol. */
  wants(channel: ChannelName, symbol: string): boolean {
    return this.#wild.has(channel) ||
      (this.#named.get(channel)?.has(symbol) ?? false);
  }

  /** Hands an element to everybody who wants it; returns how many. */
  publish(element: Element): number {
    const channel = channelOfType(element.T);
    if (channel === undefined) return 0;
    const named = this.#named.get(channel)?.get(element.S ?? "");
    const wild = this.#wild.get(channel);
    if (!named && !wild) return 0;
    const once = new EncodedOnce(element);
    let delivered = 0;
    if (named) {
      for (const listener of named) delivered += this.#hand(listener, once);
    }
    if (wild) {
      for (const listener of wild) {
        if (!named?.has(listener)) delivered += this.#hand(listener, once);
      }
    }
    return delivered;
  }

  /** Writes what was published since the last flush. */
  flush(): void {
    for (const listener of this.#waiting) listener.flush();
    this.#waiting.clear();
  }

  #hand(listener: Listener, once: EncodedOnce): number {
    listener.deliver(once.as(listener.encoding));
    this.#waiting.add(listener);
    return 1;
  }

  #channel(channel: ChannelName): Map<string, Set<Listener>> {
    let symbols = this.#named.get(channel);
    if (!symbols) this.#named.set(channel, symbols = new Map());
    return symbols;
  }
}

class EncodedOnce {
  readonly #element: Element;
  #json: Encoded | undefined;
  #msgpack: Encoded | undefined;

  constructor(element: Element) {
    this.#element = element;
  }

  as(encoding: Encoding): Encoded {
    return encoding === "json"
      ? this.#json ??= encode("json", this.#element)
      : this.#msgpack ??= encode("msgpack", this.#element);
  }
}

function alter(
  sets: Map<string, Set<Listener>>,
  { change, key, listener }: {
    change: "add" | "delete";
    key: string;
    listener: Listener;
  },
): void {
  const set = sets.get(key) ?? new Set();
  set[change](listener);
  if (set.size > 0) sets.set(key, set);
  else sets.delete(key);
}
