/**
 * A client's queue of messages as upstream sent them.
 *
 * @module
 */
import type { Envelope } from "../broadcast/envelope.ts";
import { Subscriber } from "../broadcast/subscriber.ts";
import type { RelayedMessage } from "./relayed_message.ts";

/** A message with what all queues share of it. */
export class RelayEnvelope implements Envelope<RelayedMessage> {
  event: RelayedMessage;
  readonly sequence: number;
  readonly symbolSequence = 0;
  readonly receivedAt: number;
  readonly origin = "live";
  readonly encoded = undefined;
  readonly encodedWithMeta = undefined;
  holders = 0;
  readonly bytes: number;

  /**
   * @param options.sequence position of the message among those of the feed
   * @param options.receivedAt wall clock ms
   * @param options.bytes estimated size
   */
  constructor(event: RelayedMessage, { sequence, receivedAt, bytes }: {
    readonly sequence: number;
    readonly receivedAt: number;
    readonly bytes: number;
  }) {
    this.event = event;
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

/** A bounded queue that drops its oldest messages when its client is slow. */
export class RelayQueue extends Subscriber<RelayedMessage> {
  protected override releaseBytes(envelope: Envelope<RelayedMessage>): void {
    // A frame can be part of the bytes that were read from the network together.
    if (envelope instanceof RelayEnvelope) envelope.detach();
  }
}
