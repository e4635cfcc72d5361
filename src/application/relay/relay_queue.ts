/**
 * A client's queue of messages as upstream sent them.
 *
 * @module
 */
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import { Subscriber } from "../broadcast/subscriber.ts";
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

/**
 * A bounded queue that drops its oldest messages when its client is slow.
 *
 * Invariant: `published = sent + dropped + discarded + queued`.
 */
export class RelayQueue extends Subscriber<RelayedMessage> {
  /** Pairs of channel and symbol that it receives. */
  subscriptions = 0;
  #lost = 0;
  #discarded = 0;
  /** Checks what was published until symbols were removed. */
  #check: MessageCheck | undefined;
  #checkedUpTo = 0;

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

  /** As that of all queues; it may be empty although messages are queued. */
  override take(limit?: number): readonly Envelope<RelayedMessage>[] {
    const batch = super.take(limit);
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

  protected override releaseBytes(envelope: Envelope<RelayedMessage>): void {
    // A frame can be part of the bytes that were read from the network together.
    if (envelope instanceof RelayEnvelope) envelope.detach();
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
