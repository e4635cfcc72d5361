/**
 * Routes HTTP requests by tables: one for GET and HEAD, one for POST. Bodies are not read.
 *
 * The response to an unknown path lists the known ones, that to another method the methods. No
 * response is cached or sniffed.
 *
 * @module
 */

import type { Identity } from "../../domain/access/grants.ts";

/** The parts of a request that routes use. */
export type RouteRequest = Pick<Request, "method" | "url" | "headers">;

/** A request to a route. */
export interface RoutedRequest {
  readonly request: RouteRequest;
  /** Address of the client, without a port; a reverse proxy has its own. */
  readonly address: string;
  /** Who the client is; absent where no identity is needed. */
  readonly identity?: Identity | undefined;
  /** Resolves when the response is sent or its connection is closed. */
  readonly completed: Promise<void>;
}

/** Makes the response to a request on one path. */
export type Route = (routed: RoutedRequest) => Response | Promise<Response>;

/** Path to route. */
export type Routes = Readonly<Record<string, Route>>;

/** Handles one request. */
export type Handler = (routed: RoutedRequest) => Promise<Response>;

/**
 * Makes a request handler from tables of routes. An error of a route becomes status 500; `onError`
 * receives its cause, the client does not.
 *
 * @param posts routes for POST; their paths are not in `routes`
 */
export function createHandler(
  routes: Routes,
  onError: (cause: unknown) => void,
  posts: Routes = {},
): Handler {
  const known = Object.keys(routes).map((path) => `GET ${path}\n`).join("");
  return async (routed) => {
    const { method, url } = routed.request;
    const { pathname } = new URL(url);
    const isPost = Object.hasOwn(posts, pathname);
    const table = isPost ? posts : routes;
    const route = Object.hasOwn(table, pathname) ? table[pathname] : undefined;
    if (!route) return text(`Not found. This port serves:\n${known}`, 404);
    const methods = isPost ? ["POST"] : ["GET", "HEAD"];
    if (!methods.includes(method)) {
      const response = text(`Use ${methods.join(" or ")}\n`, 405);
      response.headers.set("allow", methods.join(", "));
      return response;
    }
    try {
      // For HEAD the server sends everything but the body.
      return await route(routed);
    } catch (cause) {
      onError(cause);
      return text("Internal error\n", 500);
    }
  };
}

/** A plain text response. */
export function text(body: string, status = 200): Response {
  return respond(body, { status, type: "text/plain; charset=utf-8" });
}

/** Status and headers of a response. */
interface ResponseHead {
  readonly status: number;
  readonly type: string;
  /** More headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A response that is neither cached nor sniffed. */
export function respond(
  body: string | ReadableStream<Uint8Array> | null,
  { status, type, headers }: ResponseHead,
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
