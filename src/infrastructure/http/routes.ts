/**
 * Answers HTTP requests from a table of routes: GET and HEAD, nothing else.
 *
 * An unknown path is told which paths there are, another method which methods;
 * nothing that comes out may be cached or sniffed.
 *
 * @module
 */

/** Makes the answer to GET on one path. */
export type Route = () => Response | Promise<Response>;

/** Path to route. */
export type Routes = Readonly<Record<string, Route>>;

/** Makes a request handler out of a table of routes. */
export function answerFrom(
  routes: Routes,
): (request: Request) => Promise<Response> {
  const paths = Object.keys(routes);
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (!Object.hasOwn(routes, pathname)) {
      const list = paths.map((path) => `GET ${path}\n`).join("");
      return text(`Not found. This port answers:\n${list}`, 404);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      const response = text("Use GET or HEAD\n", 405);
      response.headers.set("allow", "GET, HEAD");
      return response;
    }
    const response = await routes[pathname]?.() ?? text("Not found\n", 404);
    return request.method === "HEAD" ? new Response(null, response) : response;
  };
}

/** A plain text answer. */
export function text(body: string, status = 200): Response {
  return answer(body, { status, type: "text/plain; charset=utf-8" });
}

/** An answer that is neither cached nor sniffed. */
export function answer(
  body: string,
  { status, type }: { status: number; type: string },
): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
