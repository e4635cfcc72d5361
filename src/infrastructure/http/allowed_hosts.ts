/**
 * Limits the names under which the status page is served.
 *
 * A web site can resolve its own name to a private address (DNS rebinding) and
 * then read responses from there in a visitor's browser. The browser still
 * sends that name in `Host`, so the page is served only under names that no web
 * site can own: IP addresses, `localhost` and names below it, names without a
 * dot (`proxy` of compose or Kubernetes), and the configured ones. Browsers
 * always send a `Host`, so requests without one are accepted.
 *
 * @module
 */
import { type Route, type Routes, text } from "./routes.ts";

/** The names that are accepted in `Host`. */
export class AllowedHosts {
  readonly #names = new Set<string>();
  readonly #suffixes: string[] = [];

  /** @param patterns names, and `*.example.org` for all names below one */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const name = normalized(pattern);
      if (name.startsWith("*.")) this.#suffixes.push(name.slice(1));
      else this.#names.add(name);
    }
  }

  /** Whether a URL's host name is accepted. */
  allows(hostname: string): boolean {
    const name = normalized(hostname);
    if (name.startsWith("[") || /^\d+(\.\d+){3}$/.test(name)) return true;
    if (!name.includes(".") || name.endsWith(".localhost")) return true;
    return this.#names.has(name) ||
      this.#suffixes.some((suffix) => name.endsWith(suffix));
  }

  /** Adds the check to every route. */
  protect(routes: Routes): Routes {
    return Object.fromEntries(
      Object.entries(routes).map(([path, route]) => [path, this.#guard(route)]),
    );
  }

  #guard(route: Route): Route {
    return (routed) => {
      const { hostname } = new URL(routed.request.url);
      return this.allows(hostname) ? route(routed) : text(
        `The status page is not served under the name ${hostname}. Use an IP ` +
          `address or localhost, or add the name to STREAM_PROXY_ALLOWED_HOSTS\n`,
        403,
      );
    };
  }
}

/** Lower case, without the dot of a fully qualified name. */
function normalized(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
