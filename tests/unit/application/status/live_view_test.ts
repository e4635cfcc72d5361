import assert from "node:assert/strict";
import { type LiveSources, liveView } from "../../../../src/application/status/live_view.ts";
import type { StreamReport } from "../../../../src/application/status/reports.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";
import { noReports } from "../../../support/http_dependencies.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

function view(sources: Partial<LiveSources> = {}) {
  return liveView({
    status: () => sampleStatus(["connected", "connected", "connected"]),
    feeds: new Set<FeedId>(["sip", "opra", "trading"]),
    ...noReports(),
    ...sources,
  }, { mayReadOrders: true });
}

function stream(changes: Partial<StreamReport>): StreamReport {
  return {
    id: "3f2a91-7",
    channel: "stockQuotes",
    filter: "AAPL",
    sent: 0,
    queued: 0,
    dropped: 0,
    openedAt: 0,
    ...changes,
  };
}

Deno.test("the hundred streams furthest behind are shown, all are counted", () => {
  const reports = Array.from(
    { length: 130 },
    (_, index) => stream({ queued: index < 30 ? 0 : 1_000, openedAt: index }),
  );
  const { total, shown } = view({ streams: () => reports }).streams;
  assert.equal(total, 130);
  assert.equal(shown.length, 100);
  assert.ok(shown.every(({ queued }) => queued === 1_000));
});

Deno.test("small changes of a lag do not reorder the streams", () => {
  const one = stream({ filter: "one", queued: 120, openedAt: 1 });
  const two = stream({ filter: "two", queued: 480, openedAt: 2 });
  const lost = stream({ filter: "lost", dropped: 50, openedAt: 3 });
  const calm = stream({ filter: "calm", queued: 9, openedAt: 0 });
  const order = view({ streams: () => [calm, lost, two, one] }).streams.shown
    .map(({ filter }) => filter);
  assert.deepEqual(order, ["one", "two", "lost", "calm"]);
});

Deno.test("a filter as long as a novel is cut", () => {
  const { streams } = view({
    streams: () => [stream({ filter: "A".repeat(9_999) })],
  });
  assert.equal(streams.shown[0]?.filter.length, 161);
});
