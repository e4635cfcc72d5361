/**
 * An event on its way to streams: shared by all of them, never copied.
 *
 * `encoded` caches the bytes: the first stream that needs them has them made,
 * later ones find them. They are collected with the envelope, or earlier, when
 * only queues that have fallen behind still hold it
 * ({@linkcode QueueMemory.sweep}).
 */
export interface Envelope<T> {
  readonly event: T;
  /** 1, 2, 3, … per channel since the process started. */
  readonly sequence: number;
  /** Wall clock milliseconds at which the frame arrived. */
  readonly receivedAt: number;
  /** Bytes of the response message that carries this event, once made. */
  encoded: Uint8Array | undefined;
  /** Queues that hold the envelope. */
  holders: number;
  /** Estimated bytes of the event and this envelope. */
  readonly bytes: number;
}
