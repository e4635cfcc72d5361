import type { FeedId } from "../../domain/connection/feed.ts";

/**
 * A stream of a feed that the operator has switched off: it could never receive
 * anything, so it is refused instead of staying silent for ever.
 */
export class FeedDisabled extends Error {
  override readonly name = "FeedDisabled";
  readonly feed: FeedId;

  constructor(feed: FeedId) {
    super(
      `The ${feed} feed is switched off; it is not in STREAM_PROXY_FEEDS`,
    );
    this.feed = feed;
  }
}
