/** The options of a stream that asks for nothing. */
import type { StreamOptions } from "../../src/application/streaming/stream_options.ts";

/** What an empty `StreamOptions` message means for market data. */
export const NO_OPTIONS: StreamOptions = {
  meta: false,
  notices: false,
  heartbeatMs: 0,
  snapshot: false,
  delivery: "every",
  minIntervalMs: 0,
  resume: undefined,
  backfill: false,
  maxUnacknowledged: 0,
};
