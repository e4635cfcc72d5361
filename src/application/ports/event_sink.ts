/**
 * Receives events from a decoder. Both calls are synchronous and never throw,
 * so that the upstream reader never waits.
 */
export interface EventSink<T> {
  /** Whether events of this symbol have a subscriber; if not, none are decoded. */
  wants(symbol: string): boolean;
  /** @param receivedAt wall clock ms at which the frame arrived */
  publish(event: T, receivedAt: number): void;
}
