/**
 * Receives events from a decoder. All calls are synchronous and never throw, so that the upstream
 * reader never waits.
 */
export interface EventSink<T> {
  /**
   * Whether events of this symbol can have a subscriber; if not, they need not be decoded.
   * Approximate: true where that depends on the event.
   */
  mayHaveSubscribers(symbol: string): boolean;
  /** @param receivedAt wall clock ms at which the frame arrived; the next frame has another one */
  publish(event: T, receivedAt: number): void;
  /**
   * Counts a message that could not be decoded, in order with what is published.
   *
   * @param symbol `undefined` when it is not known
   */
  unreadable(symbol: string | undefined): void;
}
