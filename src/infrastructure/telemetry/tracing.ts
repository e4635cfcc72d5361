/**
 * Creates spans through Deno's built-in OpenTelemetry.
 *
 * Deno registers its provider with `@opentelemetry/api` when the process is
 * started with `OTEL_DENO=true`, and exports over OTLP/HTTP; without it the API
 * returns spans that do nothing. So there is nothing to configure or flush
 * here, and tracing cannot be enabled later.
 *
 * Every span is a root: sessions and client streams outlive the code that was
 * running when they began.
 *
 * @module
 */
import { type Span as ApiSpan, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Span, SpanAttributes, Tracing } from "../../application/ports/tracing.ts";

/** Name of the instrumentation scope. */
const SCOPE = "alpaca-stream-proxy";

/** Tracing that exports if the runtime was started so, else does nothing. */
export function createTracing(): Tracing {
  const tracer = trace.getTracer(SCOPE);
  return {
    span: (name, attributes = {}) =>
      new OtelSpan(tracer.startSpan(name, { root: true, attributes: { ...attributes } })),
  };
}

/** Tracing that does nothing. */
export const noTracing: Tracing = {
  span: () => NO_SPAN,
};

const NO_SPAN: Span = {
  event: () => {},
  set: () => {},
  fail: () => {},
  end: () => {},
};

class OtelSpan implements Span {
  readonly #span: ApiSpan;

  constructor(span: ApiSpan) {
    this.#span = span;
  }

  event(name: string, attributes: SpanAttributes = {}): void {
    this.#span.addEvent(name, { ...attributes });
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes({ ...attributes });
  }

  fail(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#span.recordException(error);
    this.#span.setStatus({
      code: SpanStatusCode.ERROR,
      message: error.message,
    });
  }

  end(): void {
    this.#span.end();
  }
}
