/**
 * A record for tests: what the market produced and what became of it for each
 * session. A test compares it with what a client received. It is off unless it
 * has a capacity.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { ChannelName, EndpointName } from "./protocol/endpoints.ts";
import { type StreamMessage, symbolsOf } from "./protocol/messages.ts";

/** Members of every entry. */
export interface LedgerEntry {
  /** Rises by one with every entry of the ledger, of any kind. */
  readonly number: number;
  /** When it was added, in milliseconds since the epoch. */
  readonly at: number;
  /** The stream. */
  readonly endpoint: EndpointName;
}

/** One message of the market or of a test, sent to sessions or not. */
export interface ProducedMessage extends LedgerEntry {
  /** The kind of this entry. */
  readonly kind: "produced";
  /** The channel of the message. */
  readonly channel: ChannelName;
  /** The message as it was produced. */
  readonly message: StreamMessage;
}

/**
 * What became of a message for a session:
 *
 * - `waiting`: the client is slow, or a fault delays data;
 * - `sent`: written to the socket; the last ones before a cut may be lost;
 * - `muted`: not sent because of a fault;
 * - `malformed`: sent with an invalid field because of a fault;
 * - `lost`: it waited when the session ended.
 */
export type DeliveryOutcome = "waiting" | "sent" | "muted" | "malformed" | "lost";

/** One message for one session that subscribed to it. */
export interface Delivery extends LedgerEntry {
  /** The kind of this entry. */
  readonly kind: "delivery";
  /** Number of the connection. */
  readonly connection: number;
  /** The message with its own number. */
  readonly produced: ProducedMessage;
  /** What became of it so far. */
  outcome: DeliveryOutcome;
}

/** A symbol that a session subscribed to or unsubscribed from. */
export interface SubscriptionChange extends LedgerEntry {
  /** The kind of this entry. */
  readonly kind: "subscription";
  /** Number of the connection. */
  readonly connection: number;
  /** `delete` also when the session ends. */
  readonly change: "add" | "delete";
  /** The channel. */
  readonly channel: ChannelName;
  /** The symbol, or `*`. */
  readonly symbol: string;
}

/** Selects entries; all of them without members. */
export interface LedgerFilter {
  /** Name of a stream. */
  readonly endpoint?: string;
  /** Number of a connection; messages of the market have none. */
  readonly connection?: number;
  /** Name of a channel. */
  readonly channel?: string;
  /** A symbol. */
  readonly symbol?: string;
  /** Only entries with a greater number. */
  readonly after?: number;
  /** At most this many entries, the oldest ones. */
  readonly limit?: number;
}

type AnyEntry = ProducedMessage | Delivery | SubscriptionChange;

/** What the market produced and what each session was sent, in order. */
export class Ledger {
  readonly #clock: Clock;
  readonly #capacity: number;
  #entries: AnyEntry[] = [];
  #count = 0;

  /** Keeps at least the latest `capacity` entries; 0 disables it. */
  constructor(clock: Clock, capacity: number) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** Whether anything is recorded. */
  get isEnabled(): boolean {
    return this.#capacity > 0;
  }

  /** Number of the latest entry; 0 before the first one. */
  get lastNumber(): number {
    return this.#count;
  }

  /** Number of entries that were dropped because of the capacity. */
  get dropped(): number {
    return this.#count - this.#entries.length;
  }

  /** What the market and tests produced, in order. */
  produced(filter: LedgerFilter = {}): ProducedMessage[] {
    return this.#select("produced", filter);
  }

  /** What sessions were sent, or not sent because of a fault, in order. */
  deliveries(filter: LedgerFilter = {}): Delivery[] {
    return this.#select("delivery", filter);
  }

  /** How subscriptions changed, in order. */
  subscriptions(filter: LedgerFilter = {}): SubscriptionChange[] {
    return this.#select("subscription", filter);
  }

  /**
   * Adds a message of the market.
   *
   * @internal
   */
  addProduced(
    endpoint: EndpointName,
    channel: ChannelName,
    message: StreamMessage,
  ): ProducedMessage {
    return this.#add({ kind: "produced", ...this.#next(endpoint), channel, message });
  }

  /**
   * Adds a message for a session.
   *
   * @internal
   */
  addDelivery(
    produced: ProducedMessage,
    connection: number,
    outcome: DeliveryOutcome,
  ): Delivery {
    const base = this.#next(produced.endpoint);
    return this.#add({ kind: "delivery", ...base, connection, produced, outcome });
  }

  /**
   * Adds a change of a subscription.
   *
   * @internal
   */
  addSubscription(
    endpoint: EndpointName,
    change: Pick<SubscriptionChange, "connection" | "change" | "channel" | "symbol">,
  ): void {
    this.#add({ kind: "subscription", ...this.#next(endpoint), ...change });
  }

  #next(endpoint: EndpointName): LedgerEntry {
    return { number: ++this.#count, at: this.#clock.now(), endpoint };
  }

  #add<E extends AnyEntry>(entry: E): E {
    this.#entries.push(entry);
    // Dropped in bulk, so that appending stays cheap.
    if (this.#entries.length >= this.#capacity * 2) {
      this.#entries = this.#entries.slice(-this.#capacity);
    }
    return entry;
  }

  #select<K extends AnyEntry["kind"]>(
    kind: K,
    filter: LedgerFilter,
  ): Extract<AnyEntry, { kind: K }>[] {
    const isWanted = (entry: AnyEntry): entry is Extract<AnyEntry, { kind: K }> =>
      entry.kind === kind && matches(entry, filter);
    const { after = 0, limit = Infinity } = filter;
    const found: Extract<AnyEntry, { kind: K }>[] = [];
    // The numbers of the kept entries follow each other.
    for (let index = Math.max(0, after - this.dropped); found.length < limit; index++) {
      const entry = this.#entries[index];
      if (entry === undefined) break;
      if (isWanted(entry)) found.push(entry);
    }
    return found;
  }
}

function matches(entry: AnyEntry, filter: LedgerFilter): boolean {
  const { endpoint, connection, channel, symbol } = filter;
  const subject = entry.kind === "delivery" ? entry.produced : entry;
  const names = "message" in subject ? symbolsOf(subject.message) : [subject.symbol];
  return (endpoint === undefined || entry.endpoint === endpoint) &&
    (connection === undefined ||
      (entry.kind !== "produced" && entry.connection === connection)) &&
    (channel === undefined || subject.channel === channel) &&
    (symbol === undefined || names.includes(symbol));
}
