/**
 * Publishes on a connection of NATS as long as NATS takes what is published.
 *
 * The client of NATS keeps everything that was published until the socket takes it, without a
 * limit, also while the connection is lost. Here a message above the limit is not published.
 *
 * @module
 */
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { pendingBytes } from "./connect.ts";
import { MORE_HEADER, splitMessage } from "./hub_protocol.ts";

/** Bytes that may wait for the socket: about a second of the busiest feed. */
const MAX_PENDING_BYTES = 32 * 1_048_576;
/** Bytes of a message that every server accepts with its default settings. */
const DEFAULT_MAX_PAYLOAD = 1_048_576;
/** Bytes of the header of a part, with room. */
const PART_HEADER_BYTES = 64;

/** Publishes with a bound on what waits. */
export class BoundedPublisher {
  readonly #connection: () => NatsConnection | undefined;
  readonly #maxPendingBytes: number;

  /**
   * @param connection the connection, while there is one
   * @param maxPendingBytes that may wait. @default 32 MiB
   */
  constructor(
    connection: () => NatsConnection | undefined,
    maxPendingBytes: number = MAX_PENDING_BYTES,
  ) {
    this.#connection = connection;
    this.#maxPendingBytes = maxPendingBytes;
  }

  /** Bytes that wait for the socket. */
  get pendingBytes(): number {
    const connection = this.#connection();
    return connection ? pendingBytes(connection) : 0;
  }

  /** Bytes of the largest message. */
  get maxPayload(): number {
    return this.#connection()?.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
  }

  /** Publishes a message of at most `maxPayload` bytes; false when it was dropped. */
  publish(subject: string, data: Uint8Array): boolean {
    return this.#send(subject, [data], this.#maxPendingBytes);
  }

  /**
   * Publishes a message of any size, in parts if necessary; false when it was dropped.
   *
   * @param share part of the limit above which it is dropped. @default all of it
   */
  publishParts(subject: string, data: Uint8Array, share = 1): boolean {
    const parts = splitMessage(data, this.maxPayload - PART_HEADER_BYTES);
    return this.#send(subject, parts, share * this.#maxPendingBytes);
  }

  #send(subject: string, parts: readonly Uint8Array[], maxPendingBytes: number): boolean {
    const connection = this.#connection();
    if (!connection) return false;
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (pendingBytes(connection) + size > maxPendingBytes) return false;
    try {
      parts.forEach((part, i) => {
        if (i + 1 === parts.length) return connection.publish(subject, part);
        const more = headers();
        more.set(MORE_HEADER, "1");
        connection.publish(subject, part, { headers: more });
      });
      return true;
    } catch {
      // The connection is being closed.
      return false;
    }
  }
}
