/**
 * Where a decoder puts events. Both calls return at once and never throw, so
 * that the reader of the upstream socket never waits.
 */
export interface EventSink<T> {
  /** Whether an event of this symbol has a taker; if not, none need be built. */
  wants(symbol: string): boolean;
  /** @param receivedAt wall clock ms at which the frame arrived */
  publish(event: T, receivedAt: number): void;
}
