/** Attributes of a span or of an event in it. */
export type SpanAttributes = Readonly<
  Record<string, string | number | boolean>
>;

/** One stretch of work that operators can find in their tracing backend. */
export interface Span {
  event(name: string, attributes?: SpanAttributes): void;
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed; it still has to be ended. */
  fail(cause: unknown): void;
  end(): void;
}

/** Makes spans for sessions, subscribes, reconnects and client streams. */
export interface Tracing {
  span(name: string, attributes?: SpanAttributes): Span;
}
