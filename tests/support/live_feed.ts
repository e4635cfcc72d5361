import type { FeedNotice } from "../../src/domain/market/notices.ts";

/** The freshness of a feed that works. */
export const LIVE: FeedNotice = { freshness: "live", since: 0, reason: "", symbols: [] };

/** Ports of a stream registry. */
export const STREAM_PORTS = { freshnessOf: () => LIVE, newId: () => "id" };
