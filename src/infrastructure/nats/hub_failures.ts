/**
 * Why sessions with a hub end or cannot be opened. Types that change how the link retries are not
 * used: the hub is what waits.
 *
 * @module
 */
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import { FeedFailure } from "../../domain/connection/failure.ts";
import type { NoAnswer } from "./hub_requests.ts";

/** The session is over; another one can be opened. */
export function closed(message: string): FeedFailure {
  return new FeedFailure(message, { errorType: "closed" });
}

/** The hub answers, but has no session with Alpaca. */
export function noSession(reason: string, errorType: "closed" | "dial" = "dial"): FeedFailure {
  const cause = reason || "it is still connecting";
  return new FeedFailure(`The hub has no session: ${cause}`, { errorType });
}

/** No hub answers. */
export function noHub({ message }: NoAnswer): FeedFailure {
  return new FeedFailure(message, {
    errorType: "dial",
    remedy: "Start a hub with the same STREAM_PROXY_NATS_URL and STREAM_PROXY_NATS_PREFIX",
  });
}

/** There is no connection to NATS. */
export function noNats(): FeedFailure {
  return new FeedFailure("NATS is not connected", {
    errorType: "dial",
    remedy: "Check STREAM_PROXY_NATS_URL and the credentials for NATS",
  });
}

/** The hub serves another product, or `undefined` for none, on the feed. */
export function otherProduct(
  { feed, kind }: { readonly feed: FeedId; readonly kind: FeedKind },
  served: FeedKind | undefined,
): FeedFailure {
  const message = served === undefined
    ? `The hub does not have the ${feed} feed`
    : `The hub has ${served} on the ${feed} feed, this edge is configured for ${kind}`;
  return new FeedFailure(message, {
    errorType: "upstream_error",
    remedy: "Give hub and edges the same STREAM_PROXY_FEEDS, ALPACA_FEED and ALPACA_OPTIONS_FEED",
  });
}
