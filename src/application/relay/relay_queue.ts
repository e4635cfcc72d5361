/**
 * A client's queue of messages as upstream sent them.
 *
 * @module
 */
import { type UpstreamChannel, WILDCARD } from "../../domain/subscription/pairs.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { Position } from "../broadcast/shared_queue.ts";
import { Subscriber, type SubscriberOptions } from "../broadcast/subscriber.ts";
import type { MessageSubject, RelayedMessage } from "./relayed_message.ts";

/** A message with what all queues share of it. */
export class RelayEnvelope implements Envelope<RelayedMessage> {
  event: RelayedMessage;
  /** The channel of its type; `undefined` for an unknown one. */
  readonly channel: UpstreamChannel | undefined;
  readonly symbol: string | undefined;
  readonly symbols: readonly string[] | undefined;
  readonly sequence: number;
  readonly symbolSequence = 0;
  readonly receivedAt: number;
  readonly origin = "live";
  readonly encoded = undefined;
  readonly encodedWithMeta = undefined;
  holders = 0;
  readonly bytes: number;

  /**
   * @param options.channel the channel of its type
   * @param options.sequence position of the message among those of the feed
   * @param options.receivedAt wall clock ms
   * @param options.bytes estimated size
   */
  constructor(
    event: RelayedMessage,
    { symbol, symbols }: MessageSubject,
    { channel, sequence, receivedAt, bytes }: {
      readonly channel: UpstreamChannel | undefined;
      readonly sequence: number;
      readonly receivedAt: number;
      readonly bytes: number;
    },
  ) {
    this.event = event;
    this.channel = channel;
    this.symbol = symbol;
    this.symbols = symbols;
    this.sequence = sequence;
    this.receivedAt = receivedAt;
    this.bytes = bytes;
  }

  /** Copies the message, which then holds no other bytes of its frames any longer. */
  detach(): void {
    const { frame, start, end } = this.event;
    this.event.transcoded = undefined;
    if (frame.length === end - start && frame.buffer.byteLength === frame.length) return;
    const alone = Uint8Array.from(frame.subarray(start, end));
    this.event = { frame: alone, start: 0, end: end - start, transcoded: undefined };
  }
}

/** Whether a client still subscribes to a message. */
type MessageCheck = (envelope: RelayEnvelope) => boolean;

/** Copies a message that has waited out of its frame. */
export function detachMessage(envelope: Envelope<RelayedMessage>): void {
  // A frame can be part of the bytes that were read from the network together.
  if (envelope instanceof RelayEnvelope) envelope.detach();
}

/** Symbols of a channel that a client receives. */
interface ReceivedSymbols {
  /** Whether it receives every symbol. */
  hasAll: boolean;
  /** Symbols that it receives by their names. */
  named: number;
}

/**
 * A bounded queue that drops its oldest messages when its client is slow.
 *
 * A client that receives every message of its channels has a position in a shared queue instead.
 * Messages from before that time are in its own queue and are taken first.
 *
 * Invariant: `published = sent + dropped + discarded + queued`.
 */
export class RelayQueue extends Subscriber<RelayedMessage> {
  readonly #options: SubscriberOptions<RelayedMessage>;
  readonly #received = new Map<UpstreamChannel, ReceivedSymbols>();
  #subscriptions = 0;
  #shared: Position<RelayedMessage> | undefined;
  /** The channels of the shared queue. */
  #sharedChannels: ReadonlySet<UpstreamChannel> = new Set();
  /** Counts of the shared queues that it has left. */
  readonly #former = { published: 0, sent: 0, dropped: 0 };
  #wakeReader: (() => void) | undefined;
  #lost = 0;
  #discarded = 0;
  /** Checks what was published until symbols were removed. */
  #check: MessageCheck | undefined;
  #checkedUpTo = 0;

  constructor(options: SubscriberOptions<RelayedMessage>) {
    super(options);
    this.#options = options;
  }

  /** Pairs of channel and symbol that it receives. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Counts a symbol of a channel; `*` is every symbol. */
  addSymbol(channel: UpstreamChannel, symbol: string): void {
    this.#subscriptions++;
    const received = this.#received.get(channel) ?? { hasAll: false, named: 0 };
    this.#received.set(channel, received);
    if (symbol === WILDCARD) received.hasAll = true;
    else received.named++;
  }

  /** Undoes one {@linkcode addSymbol}. */
  removeSymbol(channel: UpstreamChannel, symbol: string): void {
    this.#subscriptions--;
    const received = this.#received.get(channel);
    if (received === undefined) return;
    if (symbol === WILDCARD) received.hasAll = false;
    else received.named--;
    if (!received.hasAll && received.named === 0) this.#received.delete(channel);
  }

  /** Channels of which it receives every symbol. */
  get wholeChannels(): ReadonlySet<UpstreamChannel> {
    const all = [...this.#received].filter(([, { hasAll }]) => hasAll);
    return new Set(all.map(([channel]) => channel));
  }

  /** Whether it receives every symbol of all its channels, of which it has at least one. */
  get hasOnlyWhole(): boolean {
    return this.#received.size > 0 && this.#received.values().every(({ hasAll }) => hasAll);
  }

  /** Whether it receives messages by a shared queue. */
  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  /** Whether it receives messages by the shared queue of some channels. */
  shares(channels: ReadonlySet<UpstreamChannel>): boolean {
    const own = this.#sharedChannels;
    return this.isShared && own.size === channels.size && own.isSubsetOf(channels);
  }

  /** Receives messages by the shared queue of some channels from now on, and only by it. */
  join(position: Position<RelayedMessage>, channels: ReadonlySet<UpstreamChannel>): void {
    this.leave();
    this.#shared = position;
    this.#sharedChannels = channels;
    if (this.#wakeReader) position.onReady(this.#wake);
  }

  /** Leaves the shared queue, if it has one, and keeps what is queued there. */
  leave(): void {
    const shared = this.#shared;
    if (shared === undefined) return;
    const { counters, memory } = this.#options;
    const former = this.#former;
    former.published += shared.published;
    former.sent += shared.sent;
    former.dropped += shared.dropped;
    // They are counted again where they are added.
    former.published -= shared.queued;
    counters.published -= shared.queued;
    this.#shared = undefined;
    for (const envelope of shared.pending()) {
      const { holders } = envelope;
      super.enqueue(envelope);
      if (envelope.holders === holders) continue;
      envelope.holders--;
      memory.addHolder(envelope);
    }
    shared.end();
  }

  override get published(): number {
    return super.published + this.#former.published + (this.#shared?.published ?? 0);
  }

  override get sent(): number {
    return super.sent + this.#former.sent + (this.#shared?.sent ?? 0);
  }

  override get dropped(): number {
    this.#settle();
    return super.dropped + this.#former.dropped + (this.#shared?.dropped ?? 0);
  }

  override get queued(): number {
    this.#settle();
    return super.queued + (this.#shared?.queued ?? 0);
  }

  override get fill(): number {
    return this.queued / this.#options.capacity;
  }

  override get oldest(): Envelope<RelayedMessage> | undefined {
    this.#settle();
    return super.oldest ?? this.#shared?.oldest;
  }

  override get isReady(): boolean {
    return super.isReady || (this.#shared?.isReady ?? false);
  }

  /** Messages of {@linkcode RelayQueue.dropped} that could not be read or converted. */
  get lost(): number {
    return this.#lost;
  }

  /** Messages that were not sent because the client had unsubscribed from them. */
  get discarded(): number {
    return this.#discarded;
  }

  /** Whether messages are checked when they are taken. */
  get isChecked(): boolean {
    return this.#check !== undefined;
  }

  /** Discards messages up to a sequence, when they are taken, unless they pass a check. */
  checkUpTo(sequence: number, check: MessageCheck): void {
    if (!this.isReady) return;
    this.#check = check;
    this.#checkedUpTo = sequence;
  }

  override enqueue(envelope: Envelope<RelayedMessage>): void {
    if (this.#shared === undefined) super.enqueue(envelope);
  }

  override onReady(wake: () => void): void {
    this.#wakeReader = wake;
    super.onReady(this.#wake);
    this.#shared?.onReady(this.#wake);
  }

  /** As that of all queues; it may be empty although messages are queued. */
  override take(limit?: number): readonly Envelope<RelayedMessage>[] {
    this.releaseInFlight();
    this.#settle();
    const shared = super.queued === 0 ? this.#shared : undefined;
    const batch = shared ? shared.take(limit) : super.take(limit);
    return this.#check === undefined ? batch : this.#checked(batch, this.#check);
  }

  /** Counts messages of the last batch that could not be converted. */
  lose(count: number): void {
    this.uncountSent(count);
    this.#lost += count;
    this.countDropped(count);
  }

  /** Counts messages that could not be read: at least one. */
  loseUnread(): void {
    this.#lost++;
    this.countPublished(1);
    this.countDropped(1);
  }

  override shorten(length: number): void {
    super.shorten(Math.max(0, length - (this.#shared?.queued ?? 0)));
    this.#shared?.shorten(length);
  }

  override releaseEncoded(): void {
    super.releaseEncoded();
    this.#shared?.releaseEncoded();
  }

  override releaseInFlight(): void {
    super.releaseInFlight();
    this.#shared?.releaseInFlight();
  }

  override end(): void {
    this.#shared?.end();
    super.end();
  }

  protected override releaseBytes(envelope: Envelope<RelayedMessage>): void {
    detachMessage(envelope);
  }

  readonly #wake = (): void => {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  };

  /** Drops and counts what both queues together hold above the capacity, oldest first. */
  #settle(): void {
    const { queued = 0 } = this.#shared ?? {};
    const room = Math.max(0, this.#options.capacity - queued);
    if (queued > 0 && super.queued > room) super.shorten(room);
  }

  #checked(
    batch: readonly Envelope<RelayedMessage>[],
    check: MessageCheck,
  ): readonly Envelope<RelayedMessage>[] {
    const last = batch.at(-1)?.sequence ?? Infinity;
    if (!this.isReady || last >= this.#checkedUpTo) this.#check = undefined;
    const kept = batch.filter((envelope) =>
      envelope.sequence > this.#checkedUpTo || check(envelope as RelayEnvelope)
    );
    const discarded = batch.length - kept.length;
    this.uncountSent(discarded);
    this.#discarded += discarded;
    return discarded === 0 ? batch : kept;
  }
}
