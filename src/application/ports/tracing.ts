/** Attributes of a span or of an event in it. */
export type SpanAttributes = Readonly<
  Record<string, string | number | boolean>
>;

/** One stretch of work that operators can find in their tracing backend. */
export interface Span {
  /** Notes a moment within the work. */
  event(name: string, attributes?: SpanAttributes): void;
  /** Adds attributes, or replaces those of the same name. */
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed; it still has to be ended. */
  fail(cause: unknown): void;
  /** Ends the stretch of work; later calls do nothing. */
  end(): void;
}

/** Makes spans for sessions, subscribes, reconnects and client streams. */
export interface Tracing {
  /** Begins a span with no parent: sessions and streams outlive their cause. */
  span(name: string, attributes?: SpanAttributes): Span;
}
