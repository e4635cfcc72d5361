/**
 * The sessions of one endpoint by the channels and symbols they subscribe to.
 *
 * A message is encoded at most once per encoding, and only if a session
 * subscribes to it; the sessions share the bytes.
 *
 * When a session ends, the market of its symbols goes on for a time, as a real
 * market does, so that REST endpoints have what the session missed.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Faults } from "../faults.ts";
import type { Ledger, ProducedMessage } from "../ledger.ts";
import {
  type ChannelName,
  channelOfType,
  type EndpointName,
  endpointNamed,
  type StreamKind,
} from "../protocol/endpoints.ts";
import { type StreamMessage, symbolsOf } from "../protocol/messages.ts";
import { encode, type Encoded, type Encoding } from "../protocol/encoding.ts";

/** The part of a session that receives messages. */
export interface Subscriber {
  readonly encoding: Encoding;
  /** Takes one encoded message; sent at the next `flush`. */
  deliver(message: Encoded, record?: DeliveryRecord): void;
  /** Takes note of a message that a fault stops. */
  withhold?(produced: ProducedMessage): void;
  /** Sends what was delivered. */
  flush(): void;
}

/** The part of a delivery that the ledger needs. */
export interface DeliveryRecord {
  readonly produced: ProducedMessage;
  readonly isMalformed: boolean;
}

/** What the sessions subscribe to on one channel. */
interface SubscribedSymbols {
  /** Whether a session subscribes to `*`. */
  readonly all: boolean;
  /** Symbols subscribed by name. */
  readonly symbols: Iterable<string>;
}

/** What the subscribers of an endpoint need for faults and records. */
interface SubscribersDependencies {
  readonly endpoint: EndpointName;
  readonly clock: Clock;
  /** How long the market of a symbol goes on after its session has ended. */
  readonly keepMs: number;
  readonly faults: Faults;
  /** Undefined when nothing is recorded. */
  readonly ledger: Ledger | undefined;
}

/** Symbols of a channel whose market goes on without a session: more than are listed. */
const MAX_KEPT = 20_000;

/** The sessions of one endpoint and their subscriptions. */
export class Subscribers {
  readonly #bySymbol = new Map<ChannelName, Map<string, Set<Subscriber>>>();
  readonly #wildcards = new Map<ChannelName, Set<Subscriber>>();
  readonly #unflushed = new Set<Subscriber>();
  readonly #deps: SubscribersDependencies | undefined;
  readonly #kind: StreamKind;
  /** Symbols of ended sessions whose market goes on until `#keptUntilMs`. */
  readonly #kept = new Map<ChannelName, Set<string>>();
  #keptUntilMs = 0;
  #record: ((message: StreamMessage) => void) | undefined;
  #version = 0;

  /** Without dependencies there are no faults and no records. */
  constructor(deps?: SubscribersDependencies) {
    this.#deps = deps;
    this.#kind = deps ? endpointNamed(deps.endpoint).kind : "stocks";
  }

  /** Calls `record` with every message before it is sent, also without a subscription. */
  onPublish(record: (message: StreamMessage) => void): void {
    this.#record = record;
  }

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
    if (change === "add") this.#kept.get(channel)?.delete(symbol);
    if (symbol === "*") {
      changeSet(this.#wildcards, channel, change, subscriber);
      return;
    }
    let symbols = this.#bySymbol.get(channel);
    if (!symbols) this.#bySymbol.set(channel, symbols = new Map());
    changeSet(symbols, symbol, change, subscriber);
  }

  /** Deletes the subscription of a session that has ended. */
  end(subscriber: Subscriber, channel: ChannelName, symbol: string): void {
    this.change(subscriber, { change: "delete", channel, symbol });
    if (!this.#deps || this.#deps.keepMs === 0) return;
    const kept = this.#kept.get(channel) ?? new Set();
    if (kept.size < MAX_KEPT) kept.add(symbol);
    this.#kept.set(channel, kept);
    this.#keptUntilMs = this.#deps.clock.now() + this.#deps.keepMs;
  }

  /** What the market of a channel has to generate. */
  subscribed(channel: ChannelName): SubscribedSymbols {
    const named = this.#bySymbol.get(channel)?.keys() ?? [];
    const kept = this.#kept.get(channel);
    if (!kept?.size) return { all: this.#wildcards.has(channel), symbols: named };
    const symbols = new Set([...named, ...kept]);
    const all = symbols.delete("*") || this.#wildcards.has(channel);
    return { all, symbols };
  }

  /** Whether the market generates messages of a channel and symbol. */
  has(channel: ChannelName, symbol: string): boolean {
    if (this.#wildcards.has(channel)) return true;
    if (this.#bySymbol.get(channel)?.has(symbol)) return true;
    const kept = this.#kept.get(channel);
    return kept !== undefined && (kept.has(symbol) || kept.has("*"));
  }

  /** Whether a session subscribes to anything. */
  get isEmpty(): boolean {
    return this.#bySymbol.values().every((symbols) => symbols.size === 0) &&
      this.#wildcards.size === 0;
  }

  /**
   * Delivers a message to its subscribers; returns their number. `known` has the encodings that
   * the message has already; sessions receive them unchanged.
   */
  publish(message: StreamMessage, known: Partial<Record<Encoding, Encoded>> = {}): number {
    const channel = channelOfType(message.T);
    if (channel === undefined) return 0;
    this.#record?.(message);
    const deps = this.#deps;
    const produced = deps?.ledger?.addProduced(deps.endpoint, channel, message);
    const named = this.#subscribersOf(channel, message);
    const wildcards = this.#wildcards.get(channel);
    if (!named && !wildcards) return 0;
    let malformed: StreamMessage | undefined;
    if (deps?.faults.streams.concernMessages) {
      const place = { endpoint: deps.endpoint, channel };
      if (symbolsOf(message).some((symbol) => deps.faults.isSymbolMuted(symbol, place))) {
        if (produced) withhold(produced, named, wildcards);
        return 0;
      }
      malformed = deps.faults.streams.takeMalformed(message, place);
    }
    const record = produced && { produced, isMalformed: malformed !== undefined };
    const encodings = malformed ? {} : { ...known };
    let delivered = 0;
    const deliver = (subscriber: Subscriber) => {
      const { encoding } = subscriber;
      const encoded = encodings[encoding] ??= encode(encoding, malformed ?? message, this.#kind);
      subscriber.deliver(encoded, record);
      this.#unflushed.add(subscriber);
      delivered++;
    };
    named?.forEach(deliver);
    wildcards?.forEach((subscriber) => {
      if (!named?.has(subscriber)) deliver(subscriber);
    });
    return delivered;
  }

  /** Delivers a message to one session, as the state at the start of its subscription. */
  deliverTo(subscriber: Subscriber, message: StreamMessage): void {
    const channel = channelOfType(message.T);
    if (channel === undefined) return;
    const deps = this.#deps;
    const produced = deps?.ledger?.addProduced(deps.endpoint, channel, message);
    const record = produced && { produced, isMalformed: false };
    subscriber.deliver(encode(subscriber.encoding, message, this.#kind), record);
    subscriber.flush();
  }

  /** The sessions that subscribe to the symbol of a message, or to one of its symbols. */
  #subscribersOf(
    channel: ChannelName,
    message: StreamMessage,
  ): ReadonlySet<Subscriber> | undefined {
    const bySymbol = this.#bySymbol.get(channel);
    if (message.S !== undefined || !bySymbol) return bySymbol?.get(message.S ?? "");
    const sets = symbolsOf(message).map((symbol) => bySymbol.get(symbol));
    const all = new Set(sets.flatMap((set) => [...set ?? []]));
    return all.size > 0 ? all : undefined;
  }

  /** Sends what was published since the last flush. */
  flush(): void {
    for (const subscriber of this.#unflushed) subscriber.flush();
    this.#unflushed.clear();
    if (this.#kept.size > 0) this.#endKept();
  }

  #endKept(): void {
    if (!this.#deps || this.#deps.clock.now() < this.#keptUntilMs) return;
    this.#kept.clear();
    this.#version++;
  }
}

function withhold(
  produced: ProducedMessage,
  ...sets: readonly (ReadonlySet<Subscriber> | undefined)[]
): void {
  const subscribers = new Set(sets.flatMap((set) => [...set ?? []]));
  for (const subscriber of subscribers) subscriber.withhold?.(produced);
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
