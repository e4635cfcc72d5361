import assert from "node:assert/strict";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { type LiveSources, LiveViews } from "../../../../src/application/status/live_view.ts";
import type { ProxyStatus } from "../../../../src/application/status/status.ts";
import type { StreamReport } from "../../../../src/application/status/stream_report.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";
import { noReports } from "../../../support/http_dependencies.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

const ALL: ReadonlySet<FeedId> = new Set<FeedId>(["sip", "opra", "trading"]);

function setup(sources: Partial<LiveSources> = {}) {
  let at = 1_000;
  let reads = 0;
  let status = sampleStatus(["connected", "connected", "connected"]);
  const counters = createCounters();
  const views = new LiveViews({
    status: () => (reads++, status),
    enabled: ALL,
    monotonic: () => at,
    ...noReports(),
    counters,
    ...sources,
  });
  return {
    views,
    counters,
    reads: () => reads,
    pass: (ms: number) => {
      at += ms;
      status = { ...status, now: status.now + ms };
    },
    receive: (feed: FeedId, total: number) => {
      status = withReceived(status, feed, total);
    },
  };
}

function withReceived(
  status: ProxyStatus,
  id: FeedId,
  messagesReceived: number,
): ProxyStatus {
  return {
    ...status,
    feeds: status.feeds.map((feed) => feed.feed === id ? { ...feed, messagesReceived } : feed),
  };
}

function stream(changes: Partial<StreamReport>): StreamReport {
  return {
    channel: "stockQuotes",
    filter: "AAPL",
    sent: 0,
    queued: 0,
    dropped: 0,
    openedAt: 0,
    ...changes,
  };
}

Deno.test("many readers within half a second cost one reading", () => {
  const { views, reads, pass } = setup();
  const first = views.read();
  pass(499);
  assert.equal(views.read(), first);
  assert.equal(reads(), 1);
  pass(1);
  assert.notEqual(views.read(), first);
  assert.equal(reads(), 2);
});

Deno.test("rates are what totals grew by, per second that really passed", () => {
  const { views, counters, pass } = setup();
  counters.feeds.sip.received.quote = 100;
  assert.equal(views.read().channels[0]?.received.perSecond, undefined);
  counters.feeds.sip.received.quote = 400;
  counters.channels.stockQuotes.sent = 900;
  counters.channels.stockQuotes.dropped = 3;
  pass(1_500);
  const quotes = views.read().channels[0];
  assert.deepEqual(quotes, {
    channel: "stockQuotes",
    received: { total: 400, perSecond: 200 },
    sent: { total: 900, perSecond: 600 },
    dropped: { total: 3, perSecond: 2 },
  });
});

Deno.test("after a pause nothing is said about the rate of now", () => {
  const { views, counters, pass } = setup();
  views.read();
  counters.feeds.sip.received.quote = 1_000_000;
  pass(60_000);
  const paused = views.read().channels[0]?.received;
  assert.deepEqual(paused, { total: 1_000_000, perSecond: undefined });
});

Deno.test("a channel counts its own feed's messages, others stand apart", () => {
  const { views, counters } = setup();
  counters.feeds.sip.received.trade = 5;
  counters.feeds.opra.received.trade = 7;
  counters.feeds.sip.received.luld = 2;
  counters.feeds.opra.received.control = 1;
  counters.feeds.trading.received.control = 3;
  const { channels, others } = views.read();
  const total = Object.fromEntries(
    channels.map(({ channel, received }) => [channel, received.total]),
  );
  assert.equal(total["stockTrades"], 5);
  assert.equal(total["optionTrades"], 7);
  const apart = others.filter(({ received }) => received.total > 0)
    .map(({ type, received }) => [type, received.total]);
  assert.deepEqual(apart, [["luld", 2], ["control", 4]]);
});

Deno.test("the age of the last message is what was written down, never made up", () => {
  const { views, receive } = setup({
    lastMessageAt: (feed) => feed === "sip" ? 7 : undefined,
  });
  receive("opra", 3);
  receive("trading", 0);
  const last = views.read().feeds.map(({ lastMessage }) => lastMessage);
  assert.deepEqual(last, [
    { type: "at", at: 7 },
    { type: "unknown" },
    { type: "none" },
  ]);
});

Deno.test("the hundred streams furthest behind are shown, all are counted", () => {
  const reports = Array.from(
    { length: 130 },
    (_, index) => stream({ queued: index < 30 ? 0 : 1_000, openedAt: index }),
  );
  const { views } = setup({ streams: () => reports });
  const { total, shown } = views.read().streams;
  assert.equal(total, 130);
  assert.equal(shown.length, 100);
  assert.ok(shown.every(({ queued }) => queued === 1_000));
});

Deno.test("small changes of a lag do not reorder the streams", () => {
  const one = stream({ filter: "one", queued: 120, openedAt: 1 });
  const two = stream({ filter: "two", queued: 480, openedAt: 2 });
  const lost = stream({ filter: "lost", dropped: 50, openedAt: 3 });
  const calm = stream({ filter: "calm", queued: 9, openedAt: 0 });
  const { views } = setup({ streams: () => [calm, lost, two, one] });
  const order = views.read().streams.shown.map(({ filter }) => filter);
  assert.deepEqual(order, ["one", "two", "lost", "calm"]);
});

Deno.test("a filter as long as a novel is cut", () => {
  const { views } = setup({
    streams: () => [stream({ filter: "A".repeat(9_999) })],
  });
  assert.equal(views.read().streams.shown[0]?.filter.length, 161);
});
