/** Attributes of a span or of an event in it. */
export type SpanAttributes = Readonly<
  Record<string, string | number | boolean>
>;

/** One operation in the tracing backend. */
export interface Span {
  /** Adds an event to the span. */
  event(name: string, attributes?: SpanAttributes): void;
  /** Adds attributes, or replaces those of the same name. */
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed; it still has to be ended. */
  fail(cause: unknown): void;
  /** Ends the span; later calls do nothing. */
  end(): void;
}

/** Makes spans for sessions, subscribes, reconnects and client streams. */
export interface Tracing {
  /** Begins a span without a parent: sessions and streams outlive their cause. */
  span(name: string, attributes?: SpanAttributes): Span;
}
