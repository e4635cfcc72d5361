/** Where the messages of a frame are; each list has at least one entry per message. */
export interface FramePlaces {
  /** Number of messages. */
  readonly count: number;
  readonly starts: readonly number[];
  /** Positions after the messages. */
  readonly ends: readonly number[];
  readonly types: readonly string[];
  readonly symbols: readonly string[];
}

/**
 * Receives the frames of a feed as upstream sent them, after their events were published. All calls
 * are synchronous.
 */
export interface RawSink {
  /** Whether a client receives messages as they were sent; if not, frames need not be passed on. */
  readonly isWanted: boolean;
  /**
   * Takes a frame whose syntax is valid.
   *
   * @throws Error when it is not; what follows the error in the frame is lost
   * @param frame not changed by the caller afterwards
   * @param receivedAt wall clock ms at which the frame arrived; the next frame has another one
   * @param places of its messages if they are known, none of which is about the session
   */
  receive(frame: Uint8Array, receivedAt: number, places?: FramePlaces): void;
  /** Notes that a frame could not be decoded: its messages are lost. */
  unreadable(frame: Uint8Array): void;
}
