/**
 * A link that follows a script, for the tests to watch.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { UpstreamSubscriptions } from "../../../../src/application/feeds/upstream_subscriptions.ts";
import { FeedLink, type FeedLinkOptions } from "../../../../src/application/feeds/feed_link.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import {
  type Attempt,
  CountingTracing,
  RecordingSubscriptions,
  ScriptedConnector,
} from "./scripted_feed.ts";

const RECONNECT = {
  initialDelayMs: 500,
  maxDelayMs: 30_000,
  multiplier: 2,
  maxAttempts: 0,
};

/** A text that must not come out again when upstream quotes it. */
export const SECRET = "hush-hush";

/** How a followed link differs from the usual. */
export interface FollowedOptions {
  readonly maxAttempts?: number;
  readonly subscriptions?: UpstreamSubscriptions;
  readonly random?: number;
  readonly start?: boolean;
  readonly tap?: FeedLinkOptions["tap"];
}

/** A link that follows a script; disposing proves that nothing is left. */
export class Followed {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly tracing = new CountingTracing();
  readonly counters = createCounters().feeds.sip;
  readonly connector: ScriptedConnector;
  readonly link: FeedLink;
  readonly stop = new AbortController();
  readonly done: Promise<void>;

  constructor(script: readonly Attempt[], options: FollowedOptions = {}) {
    this.connector = new ScriptedConnector(this.clock, script);
    this.link = new FeedLink({
      feed: "sip",
      kind: "iex",
      connector: this.connector,
      subscriptions: options.subscriptions ?? new RecordingSubscriptions(),
      counters: this.counters,
      clock: this.clock,
      random: () => options.random ?? 0.5,
      log: this.log,
      tracing: this.tracing,
      redact: (text) => text.replaceAll(SECRET, "<secret>"),
      remedies: { auth: "Check the key" },
      tap: options.tap,
      heartbeat: { intervalMs: 30_000, timeoutMs: 60_000 },
      reconnect: { ...RECONNECT, maxAttempts: options.maxAttempts ?? 0 },
    });
    this.done = options.start === false ? Promise.resolve() : this.link.run(this.stop.signal);
  }

  /** States as logged, the first one included. */
  get states(): string[] {
    const moves = this.log.records.filter(({ message }) => message === "Feed state");
    moves.forEach((move, index) =>
      assert.equal(
        move.fields.from,
        index ? moves[index - 1]?.fields.to : "disconnected",
      )
    );
    return moves.map(({ fields }) => String(fields.to));
  }

  /** Waits between one dial and the next, in ms. */
  get waits(): number[] {
    const { dialedAt } = this.connector;
    return dialedAt.slice(1).map((at, index) => at - (dialedAt[index] ?? 0));
  }

  /** Turns the clock until `count` dials were made. */
  async dials(count: number): Promise<void> {
    await settle();
    while (this.connector.dialedAt.length < count) {
      const ms = this.clock.nextWakeIn;
      assert.ok(ms !== undefined, "The link sleeps no more");
      await this.clock.advance(ms);
    }
    await settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.done;
    assert.equal(this.link.status.state, "disconnected");
    assert.equal(this.clock.sleepers, 0, "no timer is left behind");
    assert.equal(this.tracing.open, 0, "no span is left open");
    for (const session of this.connector.sessions) {
      assert.equal(session.open, false, "every session was closed");
    }
  }
}
