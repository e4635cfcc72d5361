import type { Origin } from "../../domain/market/notices.ts";

/**
 * An event with what all its subscribers share; never copied.
 *
 * `encoded` and `encodedWithMeta` cache the bytes: the first stream that needs them encodes the
 * event, later ones reuse them. They are released with the envelope, or earlier when only queues
 * that have fallen behind still hold it ({@linkcode QueueMemory.sweep}).
 */
export interface Envelope<T> {
  readonly event: T;
  /** 1, 2, 3, … per channel since the process started; 0 for an event from REST. */
  readonly sequence: number;
  /**
   * 1, 2, 3, … per channel and symbol since the process started; 0 for an event from REST, and for
   * a symbol that is not numbered ({@linkcode SymbolEntry.isNumbered}).
   */
  readonly symbolSequence: number;
  /** Wall clock ms at which the frame arrived; the events of one frame share it. */
  readonly receivedAt: number;
  readonly origin: Origin;
  /** Bytes of the response message with this event, once encoded. */
  encoded: Uint8Array | undefined;
  /** The same bytes followed by those of the metadata, once encoded. */
  encodedWithMeta: Uint8Array | undefined;
  /** Number of queues that hold the envelope. */
  holders: number;
  /** Estimated bytes of the event and this envelope. */
  readonly bytes: number;
}
