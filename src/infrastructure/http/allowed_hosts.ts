/**
 * Limits the names under which the status page is served.
 *
 * A web site can resolve its own name to a private address (DNS rebinding) and then read responses
 * from there in a visitor's browser. The browser still sends that name in `Host`, so the page is
 * served only under names that no web site can own: IP addresses, `localhost` and names below it,
 * names without a dot (`proxy` of compose or Kubernetes), and the configured ones. Browsers always
 * send a `Host`, so requests without one are accepted.
 *
 * @module
 */
import { type Route, type Routes, text } from "./routes.ts";

/**
 * Adds the check to every route.
 *
 * @param patterns more names, and `*.example.org` for all names below one
 */
export function limitHosts(routes: Routes, patterns: readonly string[]): Routes {
  const isAllowed = isAllowedHost(patterns);
  const guard = (route: Route): Route => (routed) => {
    const { hostname } = new URL(routed.request.url);
    return isAllowed(hostname) ? route(routed) : text(
      `Browsers are not served under the name ${hostname}. Use an IP address or localhost, or ` +
        `add the name to STREAM_PROXY_ALLOWED_HOSTS\n`,
      403,
    );
  };
  return Object.fromEntries(
    Object.entries(routes).map(([path, route]) => [path, guard(route)]),
  );
}

/**
 * Returns a check of host names.
 *
 * @param patterns names, and `*.example.org` for all names below one
 */
export function isAllowedHost(patterns: readonly string[]): (hostname: string) => boolean {
  const names = patterns.map(normalized);
  return (hostname) => isAllowed(normalized(hostname), names);
}

function isAllowed(name: string, allowed: readonly string[]): boolean {
  if (name.startsWith("[") || /^\d+(\.\d+){3}$/.test(name)) return true;
  if (!name.includes(".") || name.endsWith(".localhost")) return true;
  return allowed.some((each) =>
    each.startsWith("*.") ? name.endsWith(each.slice(1)) : name === each
  );
}

/** Lower case, without the dot of a fully qualified name. */
function normalized(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
