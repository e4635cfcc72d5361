/**
 * A feed link over a connector and real sockets, with time turned by hand.
 *
 * @module
 */
import { FeedLink, type FeedLinkOptions } from "../../../src/application/feeds/feed_link.ts";
import type { FeedConnector } from "../../../src/application/ports/feed_connector.ts";
import type { Tracing } from "../../../src/application/ports/tracing.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RecordingEvents } from "../../support/recording_events.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { soon } from "./connector_harness.ts";

/** Traces nothing. */
export const TRACING: Tracing = {
  span: () => ({ event: () => {}, set: () => {}, fail: () => {}, end: () => {} }),
};

/** A link over a connector, and one list of its data and its events in order. */
export class LinkedFeed {
  readonly clock = new ManualClock();
  readonly events = new RecordingEvents();
  readonly lines: string[] = this.events.lines;
  readonly link: FeedLink;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /**
   * @param options.random the luck of every backoff, in [0, 1). @default 0.5
   * @param options.heartbeatMs silence before a heartbeat, in ms. @default 30 s
   */
  constructor(
    connector: FeedConnector,
    subscriptions: (feed: LinkedFeed) => FeedLinkOptions["subscriptions"],
    { random = 0.5, heartbeatMs = 30_000 } = {},
  ) {
    this.link = new FeedLink({
      feed: "sip",
      kind: "sip",
      connector,
      subscriptions: subscriptions(this),
      counters: createCounters().feeds.sip,
      clock: this.clock,
      random: () => random,
      log: new RecordingLog(),
      tracing: TRACING,
      redact: (text) => text,
      remedies: {},
      heartbeat: { intervalMs: heartbeatMs, timeoutMs: 60_000 },
      reconnect: { initialDelayMs: 500, maxDelayMs: 30_000, multiplier: 2, maxAttempts: 0 },
    });
    this.#done = this.link.run(this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await soon(this.#done);
  }
}
