/**
 * Distributes the messages of one feed, as upstream sent them, to the clients that subscribe to
 * their type and symbol.
 *
 * `publish` adds one shared envelope to the queue of each client, or once for all clients that
 * receive every message of their channels. It never waits. A message of an unknown type goes to
 * every client with a subscription of its symbol, one without a symbol to every client.
 *
 * @module
 */
import type { Orderbook } from "../../domain/market/crypto_events.ts";
import {
  perChannel,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "../../domain/subscription/pairs.ts";
import type { ChannelFilter } from "../broadcast/channel_gaps.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import { QueueMemory } from "../broadcast/queue_memory.ts";
import { removeFrom } from "../broadcast/symbol_table.ts";
import type { ChannelCounters } from "../status/counters.ts";
import { orderBookJson } from "./order_book_json.ts";
import { detachMessage, RelayEnvelope, RelayQueue } from "./relay_queue.ts";
import type {
  FoundMessage,
  LostMessage,
  MessageFormat,
  MessagePlace,
  MessageSubject,
  MessageTarget,
} from "./relayed_message.ts";
import { WildcardGroups } from "./wildcard_groups.ts";

/** The channel of each type of message; corrections and cancels follow trades. */
const CHANNEL_OF_TYPE: ReadonlyMap<string, UpstreamChannel> = new Map([
  ["q", "quotes"],
  ["t", "trades"],
  ["c", "trades"],
  ["x", "trades"],
  ["b", "bars"],
  ["u", "updatedBars"],
  ["d", "dailyBars"],
  ["s", "statuses"],
  ["l", "lulds"],
  ["i", "imbalances"],
  ["o", "orderbooks"],
  ["n", "news"],
]);

/** Bytes of an envelope and its message beside the bytes of the message. */
const ENVELOPE_BYTES = 200;
const NONE: readonly never[] = [];

/** The clients of one channel. */
interface Subscriptions {
  readonly bySymbol: Map<string, RelayQueue[]>;
  /** Clients of every symbol. */
  readonly all: RelayQueue[];
  /** Those of them that do not share a queue. */
  readonly alone: RelayQueue[];
}

/** What a {@linkcode MessageRelay} needs. */
interface MessageRelayOptions {
  /** How the frames of the feed are encoded. */
  readonly format: MessageFormat;
  /** Capacity of each client's queue in messages, at least 1. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared by all queues. @default unlimited */
  readonly memory?: QueueMemory | undefined;
  /** The whole order books of a JSON feed, with which their clients start. @default none */
  readonly orderBooks?: WholeBooks | undefined;
}

/** Has the whole order books that are known. */
interface WholeBooks {
  present(filter: ChannelFilter): readonly Envelope<Orderbook>[];
  /** Whether a change of a pair was lost since its last whole order book. */
  isWrong(symbol: string): boolean;
  /** Whether the whole order book of a wrong pair has arrived in a frame. */
  isRenewedBy(receivedAt: number, symbol: string): boolean;
}

/** Distributes the messages of one feed. */
export class MessageRelay implements MessageTarget {
  readonly format: MessageFormat;
  readonly #options: MessageRelayOptions;
  readonly #memory: QueueMemory;
  readonly #channels = perChannel((): Subscriptions => ({
    bySymbol: new Map(),
    all: [],
    alone: [],
  }));
  readonly #groups: WildcardGroups;
  /** Queues of all clients. */
  readonly #queues = new Set<RelayQueue>();
  #symbols = 0;
  #sequence = 0;
  /** Pairs whose whole order books were sent in place of the messages of one frame. */
  readonly #renewed = new Set<string>();
  #renewedAt = NaN;

  constructor(options: MessageRelayOptions) {
    this.#options = options;
    this.format = options.format;
    this.#memory = options.memory ?? new QueueMemory();
    const { capacity, counters } = options;
    const memory = this.#memory;
    this.#groups = new WildcardGroups({ capacity, counters, memory, releaseBytes: detachMessage });
  }

  get isWanted(): boolean {
    return this.#queues.size > 0;
  }

  /** Pairs of channel and symbol that clients subscribe to; each counts once. */
  get symbols(): number {
    return this.#symbols;
  }

  /** Position of the last message that was published. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Counts the pairs that no client subscribes to. */
  countUnsubscribed(pairs: SymbolSets): number {
    let count = 0;
    for (const [channel, symbols] of pairs) {
      for (const symbol of symbols) if (this.#listOf(channel, symbol).length === 0) count++;
    }
    return count;
  }

  /** Makes the queue of a client, which receives nothing yet; `onEnd` is called when it ends. */
  createQueue(onEnd: () => void): RelayQueue {
    const { capacity, counters } = this.#options;
    const queue = new RelayQueue({
      capacity,
      counters,
      memory: this.#memory,
      onEnd: () => {
        this.#queues.delete(queue);
        onEnd();
      },
    });
    this.#queues.add(queue);
    return queue;
  }

  /**
   * Adds the messages of a symbol to a queue from now on; `*` is every symbol. Order books begin
   * with the whole ones.
   */
  add(queue: RelayQueue, channel: UpstreamChannel, symbol: string): void {
    const { bySymbol, all, alone } = this.#channels[channel];
    if (symbol === WILDCARD) {
      if (all.push(queue) === 1) this.#symbols++;
      alone.push(queue);
    } else {
      const queues = bySymbol.get(symbol);
      if (queues) queues.push(queue);
      else {
        bySymbol.set(symbol, [queue]);
        this.#symbols++;
      }
    }
    queue.addSymbol(channel, symbol);
    this.#regroup(queue);
    if (channel === "orderbooks") this.sendOrderBooks(queue, symbol);
  }

  /** Undoes one {@linkcode add}. */
  remove(queue: RelayQueue, channel: UpstreamChannel, symbol: string): void {
    const { bySymbol, all, alone } = this.#channels[channel];
    const queues = symbol === WILDCARD ? all : bySymbol.get(symbol);
    if (!queues?.includes(queue)) return;
    removeFrom(queues, queue);
    if (symbol === WILDCARD) removeFrom(alone, queue);
    queue.removeSymbol(channel, symbol);
    this.#regroup(queue);
    if (queues.length > 0) return;
    this.#symbols--;
    if (symbol !== WILDCARD) bySymbol.delete(symbol);
  }

  /** Moves a client to the shared queue of its channels, or to its own, by what it receives. */
  #regroup(queue: RelayQueue): void {
    if (queue.isEnded || (!queue.hasOnlyWhole && !queue.isShared)) return;
    const channels = queue.wholeChannels;
    // Whole order books are for one client only.
    const isShared = queue.hasOnlyWhole && !channels.has("orderbooks");
    if (isShared ? queue.shares(channels) : !queue.isShared) return;
    for (const name of channels) removeFrom(this.#channels[name].alone, queue);
    if (isShared) return queue.join(this.#groups.join(channels), channels);
    queue.leave();
    for (const name of channels) this.#channels[name].alone.push(queue);
  }

  /** Adds the whole order book of a pair to a queue; `*` is every pair. */
  sendOrderBooks(queue: RelayQueue, symbol: string): void {
    const symbols = new Set(symbol === WILDCARD ? [] : [symbol]);
    const books = this.#options.orderBooks?.present({ symbols, secondary: new Set() }) ?? NONE;
    for (const { event, receivedAt } of books) {
      const message = placeOf(orderBookJson(event));
      const subject = { symbol: event.symbol, symbols: undefined };
      const envelope = this.#envelopeOf(message, subject, { channel: "orderbooks", receivedAt });
      queue.enqueue(envelope);
      if (envelope.holders > 0) this.#memory.hold(envelope);
    }
  }

  publish(message: FoundMessage, receivedAt: number): void {
    const channel = CHANNEL_OF_TYPE.get(message.type);
    if (channel === undefined) return this.#publishUnknown(message, receivedAt);
    const { symbol, symbols } = message;
    const { bySymbol, all, alone } = this.#channels[channel];
    const named = symbol === undefined ? undefined : bySymbol.get(symbol);
    if (named === undefined && all.length === 0 && symbols === undefined) return;
    const place = channel === "orderbooks" ? this.#bookOf(message, receivedAt) : message;
    if (place === undefined) return;
    const envelope = this.#envelopeOf(place, message, { channel, receivedAt });
    this.#groups.publish(channel, envelope);
    for (let i = 0; i < alone.length; i++) alone[i]?.enqueue(envelope);
    // A queue takes a message that it has already only once.
    if (named) { for (let i = 0; i < named.length; i++) named[i]?.enqueue(envelope); }
    for (const each of symbols ?? NONE) {
      for (const queue of bySymbol.get(each) ?? NONE) queue.enqueue(envelope);
    }
    if (envelope.holders > 0) this.#memory.hold(envelope);
  }

  lost({ type, symbol, symbols = NONE }: LostMessage): void {
    const channel = CHANNEL_OF_TYPE.get(type);
    if (channel === "orderbooks" && this.#options.orderBooks) return;
    // Every client would have received it.
    if (channel === undefined && symbol === undefined) return this.unreadable();
    const queues = new Set<RelayQueue>();
    for (const name of channel === undefined ? UPSTREAM_CHANNELS : [channel]) {
      const { bySymbol, all } = this.#channels[name];
      for (const queue of all) queues.add(queue);
      for (const each of symbol === undefined ? symbols : [symbol]) {
        for (const queue of bySymbol.get(each) ?? NONE) queues.add(queue);
      }
    }
    for (const queue of queues) queue.loseUnread();
  }

  unreadable(): void {
    const books = this.#options.orderBooks ? this.#orderBooksOfQueues() : undefined;
    for (const queue of this.#queues) {
      if (queue.subscriptions > (books?.get(queue) ?? 0)) queue.loseUnread();
    }
  }

  /** Numbers of order books that clients receive: whole ones follow in place of lost changes. */
  #orderBooksOfQueues(): ReadonlyMap<RelayQueue, number> {
    const numbers = new Map<RelayQueue, number>();
    const { bySymbol, all } = this.#channels.orderbooks;
    for (const queues of [all, ...bySymbol.values()]) {
      for (const queue of queues) numbers.set(queue, (numbers.get(queue) ?? 0) + 1);
    }
    return numbers;
  }

  /**
   * What clients receive for a message of an order book; `undefined` for nothing. A change of a
   * wrong one would leave it wrong. In the frame with the whole one, what precedes that is not for
   * clients either: they receive the state after the frame.
   */
  #bookOf(message: FoundMessage, receivedAt: number): MessagePlace | undefined {
    const { symbol } = message;
    const { orderBooks } = this.#options;
    if (symbol === undefined || orderBooks === undefined) return message;
    if (orderBooks.isWrong(symbol)) return undefined;
    if (!orderBooks.isRenewedBy(receivedAt, symbol)) return message;
    if (receivedAt !== this.#renewedAt) this.#renewed.clear();
    this.#renewedAt = receivedAt;
    if (this.#renewed.has(symbol)) return undefined;
    const [whole] = orderBooks.present({ symbols: new Set([symbol]), secondary: new Set() });
    // Only a number of pairs is kept.
    if (whole === undefined) return message;
    this.#renewed.add(symbol);
    return placeOf(orderBookJson(whole.event));
  }

  #publishUnknown(message: FoundMessage, receivedAt: number): void {
    const { symbol } = message;
    const envelope = this.#envelopeOf(message, message, { channel: undefined, receivedAt });
    this.#groups.publishToAll(envelope);
    if (symbol === undefined) { for (const queue of this.#queues) queue.enqueue(envelope); }
    else {
      for (const channel of UPSTREAM_CHANNELS) {
        for (const queue of this.#channels[channel].alone) queue.enqueue(envelope);
        for (const queue of this.#listOf(channel, symbol)) queue.enqueue(envelope);
      }
    }
    if (envelope.holders > 0) this.#memory.hold(envelope);
  }

  #envelopeOf(
    { frame, start, end }: MessagePlace,
    subject: MessageSubject,
    { channel, receivedAt }: {
      readonly channel: UpstreamChannel | undefined;
      readonly receivedAt: number;
    },
  ): RelayEnvelope {
    const bytes = ENVELOPE_BYTES + 2 * (end - start);
    const sequence = ++this.#sequence;
    const event = { frame, start, end, transcoded: undefined };
    return new RelayEnvelope(event, subject, { channel, sequence, receivedAt, bytes });
  }

  #listOf(channel: UpstreamChannel, symbol: string): readonly RelayQueue[] {
    const { bySymbol, all } = this.#channels[channel];
    return symbol === WILDCARD ? all : bySymbol.get(symbol) ?? NONE;
  }
}

/** The place of a message that has a frame of its own. */
function placeOf(frame: Uint8Array): MessagePlace {
  return { frame, start: 0, end: frame.length };
}
