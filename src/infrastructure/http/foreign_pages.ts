/**
 * Refuses requests of web pages that do not belong to this port.
 *
 * Metrics and the details of health need no identity and are read under any name, because scrapes
 * and probes have no token and use names that the proxy cannot know. A web page could use that: in
 * the browser of a visitor who reaches the port, under a name that the page's owner resolves to it
 * (DNS rebinding). So a request with a header that browsers send by themselves is served only under
 * the names of the status page. Prometheus, the kubelet and curl send none of these headers.
 *
 * @module
 */
import { limitHosts } from "./allowed_hosts.ts";
import { type Route, type RouteRequest, type Routes, text } from "./routes.ts";

/**
 * Headers that browsers send by themselves and programs do not. A page can leave out `referer`, and
 * `sec-fetch-site` is absent without TLS outside of localhost; none can leave out the language.
 */
const BROWSER_HEADERS = ["accept-language", "origin", "referer", "sec-fetch-site"] as const;

/**
 * Adds the check to every route.
 *
 * @param patterns names for browsers, besides those of {@linkcode limitHosts}
 */
export function refuseForeignPages(routes: Routes, patterns: readonly string[]): Routes {
  const forBrowsers = limitHosts(routes, patterns);
  const guard = (path: string, route: Route): Route => (routed) => {
    const { request } = routed;
    if (!BROWSER_HEADERS.some((name) => request.headers.has(name))) return route(routed);
    if (!isNavigation(request) && isForeign(request)) {
      return text("Pages of other sites may not read this\n", 403);
    }
    return (forBrowsers[path] ?? route)(routed);
  };
  return Object.fromEntries(
    Object.entries(routes).map(([path, route]) => [path, guard(path, route)]),
  );
}

/** Whether a request is one of a page that another host, port or scheme has served. */
export function isForeign({ headers, url }: RouteRequest): boolean {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  return (site !== null && site !== "same-origin") ||
    (origin !== null && URL.parse(origin)?.host !== new URL(url).host);
}

/** Whether a browser opens it as a page, by a link or its address: no other page can read that. */
function isNavigation({ headers }: RouteRequest): boolean {
  return headers.get("sec-fetch-mode") === "navigate" &&
    headers.get("sec-fetch-dest") === "document" && headers.get("origin") === null;
}
