/**
 * An event on its way to streams: shared by all of them, never copied.
 *
 * `encoded` is the encode-once cache of law "work is done once": the first
 * stream that needs the bytes has them made, every later one finds them, and
 * they are collected with the envelope when the last queue has let go.
 */
export interface Envelope<T> {
  readonly event: T;
  /** 1, 2, 3, … per channel since the process started. */
  readonly sequence: number;
  /** Wall clock milliseconds at which the frame arrived. */
  readonly receivedAt: number;
  /** Bytes of the response message that carries this event, once made. */
  encoded: Uint8Array | undefined;
}
