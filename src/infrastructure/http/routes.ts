/**
 * Answers HTTP requests from a table of routes: GET and HEAD, nothing else.
 *
 * An unknown path is told which paths there are, another method which methods;
 * nothing that comes out may be cached or sniffed.
 *
 * @module
 */

/** The parts of a request that routes read. */
export type RouteRequest = Pick<Request, "method" | "url" | "headers">;

/** A request to a route. */
export interface Asked {
  readonly request: RouteRequest;
  /** Settles when the answer is through, or its connection gone. */
  readonly completed: Promise<void>;
}

/** Makes the answer to GET on one path. */
export type Route = (asked: Asked) => Response | Promise<Response>;

/** Path to route. */
export type Routes = Readonly<Record<string, Route>>;

/** Answers one request. */
export type Handler = (asked: Asked) => Promise<Response>;

/** Makes a request handler out of a table of routes. */
export function answerFrom(routes: Routes): Handler {
  const paths = Object.keys(routes);
  return async (asked) => {
    const { method, url } = asked.request;
    const { pathname } = new URL(url);
    if (!Object.hasOwn(routes, pathname)) {
      const list = paths.map((path) => `GET ${path}\n`).join("");
      return text(`Not found. This port answers:\n${list}`, 404);
    }
    if (method !== "GET" && method !== "HEAD") {
      const response = text("Use GET or HEAD\n", 405);
      response.headers.set("allow", "GET, HEAD");
      return response;
    }
    // Of an answer to HEAD the server sends all but the body.
    return await routes[pathname]?.(asked) ?? text("Not found\n", 404);
  };
}

/** A plain text answer. */
export function text(body: string, status = 200): Response {
  return answer(body, { status, type: "text/plain; charset=utf-8" });
}

/** What an answer is, beside its body. */
export interface AnswerHead {
  readonly status: number;
  readonly type: string;
  /** More headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is neither cached nor sniffed. */
export function answer(
  body: string | ReadableStream<Uint8Array> | null,
  { status, type, headers }: AnswerHead,
): Response {
  return new Response(body, {
    status,
    headers: {
      ...headers,
      "content-type": type,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
