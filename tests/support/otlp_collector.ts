/**
 * A small OTLP/HTTP collector that remembers spans, for JSON exports
 * (`OTEL_EXPORTER_OTLP_PROTOCOL=http/json`).
 *
 * @module
 */

/** One exported span, with the resource and the scope it came under. */
export interface ExportedSpan {
  readonly name: string;
  readonly scope: string;
  readonly parentSpanId: string;
  /** OTLP code: 2 is an error. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A running collector. */
export interface OtlpCollector extends AsyncDisposable {
  /** What `OTEL_EXPORTER_OTLP_ENDPOINT` has to be. */
  readonly endpoint: string;
  readonly spans: readonly ExportedSpan[];
  /** Paths of all exports so far. */
  readonly requests: readonly string[];
}

/** Starts a collector; with `mute` it takes requests and never answers. */
export function otlpCollector(options: { mute?: boolean } = {}): OtlpCollector {
  const spans: ExportedSpan[] = [];
  const requests: string[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: stop.signal },
    async (request) => {
      const { pathname } = new URL(request.url);
      requests.push(pathname);
      const body = await request.json();
      if (options.mute) {
        const { promise, resolve } = Promise.withResolvers<void>();
        stop.signal.addEventListener("abort", () => resolve());
        await promise;
      }
      if (pathname === "/v1/traces") spans.push(...spansOf(body));
      return Response.json({});
    },
  );
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    spans,
    requests,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await server.finished;
    },
  };
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface TracesBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name: string };
      readonly spans: readonly {
        readonly name: string;
        readonly parentSpanId?: string;
        readonly status?: { readonly code?: number };
        readonly attributes?: readonly Attribute[];
        readonly events?: readonly { readonly name: string }[];
      }[];
    }[];
  }[];
}

function spansOf(body: TracesBody): ExportedSpan[] {
  return body.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        name: span.name,
        scope: scope?.name ?? "",
        parentSpanId: span.parentSpanId ?? "",
        status: span.status?.code ?? 0,
        attributes: record(span.attributes ?? []),
        events: (span.events ?? []).map(({ name }) => name),
        resource: record(resource.attributes),
      }))
    )
  );
}

function record(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
}
