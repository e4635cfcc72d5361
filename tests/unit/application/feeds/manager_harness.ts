/**
 * The subscriptions of one feed, for tests that play upstream.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SubscriptionManager } from "../../../../src/application/feeds/subscription_manager.ts";
import type { SubscriptionRequest } from "../../../../src/domain/subscription/pairs.ts";
import {
  createSubscriptions,
  type Subscriptions,
  type SubscriptionSettings,
} from "../../../../src/domain/subscription/reconciler.ts";
import { NO_LIMIT, symbolSets } from "../../../support/subscriptions.ts";
import { RecordingEvents } from "../../../support/recording_events.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { CountingTracing, ScriptedSession } from "./scripted_feed.ts";

/** How long the manager waits for a reply, in ms. */
export const TIMEOUT = 10_000;

/** A subscription manager whose session is controlled by the test. */
export class ManagerHarness {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly tracing = new CountingTracing();
  readonly events = new RecordingEvents();
  readonly rejections: string[] = [];
  readonly subscriptions: Subscriptions;
  readonly manager: SubscriptionManager;
  session = new ScriptedSession(this.clock);

  constructor(
    { endOf, ...settings }: Partial<SubscriptionSettings> & {
      readonly endOf?: (symbol: string) => number;
    } = {},
  ) {
    this.subscriptions = createSubscriptions({
      plan: NO_LIMIT,
      limits: { maxPairs: 3, maxBytes: 1_000 },
      graceMs: 0,
      now: () => this.clock.monotonic(),
      ...settings,
    });
    this.manager = new SubscriptionManager({
      feed: "sip",
      subscriptions: this.subscriptions,
      replyTimeoutMs: TIMEOUT,
      clock: this.clock,
      log: this.log,
      tracing: this.tracing,
      onRejection: (text) => this.rejections.push(text),
      events: this.events,
      endOf,
    });
  }

  /** A fresh session is up. */
  attach(): ScriptedSession {
    this.session = new ScriptedSession(this.clock);
    this.manager.attach(this.session);
    return this.session;
  }

  /** Requests so far, in short. */
  get asked(): string[] {
    return this.session.requests.map(short);
  }

  acknowledge(lists: Readonly<Record<string, readonly string[]>>): void {
    this.manager.acknowledged(
      symbolSets([
        ["trades", lists.trades ?? []],
        ["quotes", lists.quotes ?? []],
        ["bars", lists.bars ?? []],
      ]),
    );
  }

  /** The failure that the session was given, if any. */
  async failure(): Promise<string | undefined> {
    const none = Symbol();
    const first = await Promise.race([
      this.session.ended,
      Promise.resolve(none),
    ]);
    return typeof first === "symbol" ? undefined : first.message;
  }

  /** Ends the session and proves that nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.manager.detach();
    await this.clock.advance(0);
    assert.equal(this.clock.sleepers, 0, "no timer is left behind");
    assert.equal(this.tracing.open, 0, "no span is left open");
  }
}

function short({ action, pairs, probe }: SubscriptionRequest): string {
  const symbols = pairs.map(({ channel, symbol }) => `${channel}:${symbol}`);
  return [probe ? "probe" : action, ...symbols].join(" ");
}
