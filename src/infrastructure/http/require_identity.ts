/**
 * Serves the status page to identities only, while authentication is on.
 *
 * Browsers ask for a name and a password: the token is the password, the name does not matter. They
 * send it with the page's own requests as well. Health checks and metrics need no identity, because
 * probes and scrapes have none: see `foreign_pages.ts`.
 *
 * @module
 */
import { type Access, Unauthenticated } from "../../application/access/access.ts";
import { authorizeStatusPage, PermissionDenied } from "../../application/access/authorize.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import { readToken } from "../../application/access/read_token.ts";
import { type Route, type RoutedRequest, type Routes, text } from "./routes.ts";

/**
 * What a browser or another client has to send. Bearer tokens are accepted too, but not named:
 * Chromium 156 asks for no password when the same field names another scheme. The test "an operator
 * acts after a confirmation and sees the result" fails with both.
 */
const CHALLENGE = 'Basic realm="alpaca-stream-proxy", charset="UTF-8"';

/**
 * Adds the check to every route; a route finds who its client is in `identity`.
 *
 * @param feeds those that the page shows
 */
export function requireIdentity(
  routes: Routes,
  access: Access,
  feeds: () => readonly FeedId[],
): Routes {
  if (!access.isOn) return routes;
  const guard = (route: Route): Route => async (routed) => {
    try {
      return await route({ ...routed, identity: await authenticate(routed, access, feeds()) });
    } catch (error) {
      return refusal(error);
    }
  };
  return Object.fromEntries(Object.entries(routes).map(([path, route]) => [path, guard(route)]));
}

async function authenticate(
  { request, address }: RoutedRequest,
  access: Access,
  feeds: readonly FeedId[],
) {
  const token = readToken(request.headers.get("authorization") ?? undefined);
  const identity = await access.authenticate({ token, address });
  try {
    authorizeStatusPage(identity.grants, feeds);
  } catch (error) {
    if (error instanceof PermissionDenied) access.denied(address, identity, error);
    throw error;
  }
  return identity;
}

/** The response to a request without access; other errors are thrown. */
function refusal(error: unknown): Response {
  if (error instanceof PermissionDenied) return text(`${error.message}\n`, 403);
  if (!(error instanceof Unauthenticated)) throw error;
  const { reason, message, retryAfterMs } = error;
  const status = reason === "blocked" ? 429 : reason === "unavailable" ? 503 : 401;
  const response = text(`${message}\n`, status);
  if (status === 401) response.headers.set("www-authenticate", CHALLENGE);
  if (retryAfterMs !== undefined) {
    response.headers.set("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  }
  return response;
}
