import assert from "node:assert/strict";
import { WatchedFeed } from "./watched_feed.ts";

/** Messages per second of symbols in a busy session. */
const BUSY = { AAPL: 20, MSFT: 10, TSLA: 15 };
const SYMBOLS = Object.keys(BUSY);

function noReconnects(feed: WatchedFeed): void {
  assert.equal(feed.connector.dialedAt.length, 1, "the session was kept");
}

Deno.test("a feed becomes live when its subscriptions are acknowledged", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  assert.deepEqual(feed.freshness.notice, {
    freshness: "stale",
    reason: "Stocks is not connected",
    since: feed.clock.now(),
    symbols: [],
  });
  await feed.run(3);
  assert.deepEqual(feed.changes, ["recovering 10:00:00", "live 10:00:01"]);
  assert.equal(feed.freshness.notice.reason, "");
});

Deno.test("a feed that goes mute becomes stale within seconds, and live again", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  feed.isMute = true;
  await feed.run(5, BUSY);
  assert.equal(feed.state, "stale");
  const { reason, since } = feed.freshness.notice;
  assert.match(reason, /replies to heartbeats/);
  assert.equal(new Date(since).toISOString().slice(11, 19), "15:12:00", "the last message");
  await feed.run(600, BUSY);
  assert.ok(feed.freshness.report.staleSeconds > 600);
  assert.deepEqual(feed.symbolChanges, [], "the state of the feed is enough");
  feed.isMute = false;
  await feed.run(2, BUSY);
  assert.equal(feed.state, "live");
  assert.equal(feed.freshness.report.staleSeconds, 0);
  assert.equal(feed.freshness.notice.reason, "");
  noReconnects(feed);
});

Deno.test("a feed that goes mute at the open becomes stale", async () => {
  await using feed = new WatchedFeed("2026-11-16T09:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("09:30:00", { AAPL: 2, MSFT: 1, TSLA: 1 });
  feed.isMute = true;
  await feed.run(60, BUSY);
  assert.equal(feed.state, "stale", "on the first day, by the rate before the open");
  feed.isMute = false;
  await feed.runUntil("09:40:00", BUSY);
  assert.equal(feed.state, "live");
  await feed.jumpTo("2026-11-16T16:01:00-05:00");
  await feed.jumpTo("2026-11-16T21:00:00-05:00");
  await feed.jumpTo("2026-11-17T09:29:50-05:00");
  await feed.runUntil("09:29:58");
  feed.isMute = true;
  const before = feed.changes.length;
  await feed.run(30, BUSY);
  assert.deepEqual(feed.changes.slice(before).map((line) => line.slice(0, 12)), ["stale 09:30:"]);
  noReconnects(feed);
});

Deno.test("a feed that goes mute in the pre-market becomes stale", async () => {
  await using feed = new WatchedFeed("2026-11-16T07:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("08:00:00", { AAPL: 1, MSFT: 0.5, TSLA: 0.5 });
  feed.isMute = true;
  await feed.run(60, BUSY);
  assert.equal(feed.state, "stale");
  await feed.jumpTo("2026-11-16T09:31:00-05:00");
  await feed.run(60, BUSY);
  assert.equal(feed.state, "stale", "until the first message, also in the next session");
  feed.isMute = false;
  await feed.run(2, BUSY);
  assert.equal(feed.state, "live");
  noReconnects(feed);
});

Deno.test("one symbol that goes mute becomes stale after upstream was asked", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  const before = feed.requests;
  feed.mute.add("quotes MSFT");
  await feed.run(5, BUSY);
  assert.equal(feed.state, "live, 1 symbols stale");
  assert.equal(feed.requests, before + 1, "upstream was asked once");
  assert.deepEqual(feed.symbolChanges, ["quotes MSFT stale"]);
  const notice = feed.notices.at(-1);
  assert.match(notice?.reason ?? "", /Alpaca acknowledges the subscription/);
  assert.equal(new Date(notice?.since ?? 0).toISOString().slice(11, 19), "15:12:00");
  assert.deepEqual(feed.staleInReport, ["MSFT"]);
  await feed.run(200, BUSY);
  assert.equal(feed.requests, before + 1, "and not again");
  feed.mute.clear();
  await feed.run(2, BUSY);
  assert.equal(feed.state, "live");
  assert.deepEqual(feed.symbolChanges.slice(1), ["quotes MSFT live"]);
  noReconnects(feed);
});

Deno.test("the stale symbols of a channel are reported to a stream that opens later", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  const { freshness } = feed;
  assert.deepEqual(freshness.staleOf("quotes"), []);
  feed.mute.add("quotes MSFT");
  await feed.run(60, BUSY);
  const reported = feed.notices.at(-1);
  assert.deepEqual(freshness.staleOf("quotes"), [reported]);
  assert.deepEqual(freshness.staleOf("quotes", new Set(["MSFT"])), [reported]);
  assert.deepEqual(freshness.staleOf("quotes", new Set(["MSFT", "A", "B"])), [reported]);
  assert.deepEqual(freshness.staleOf("quotes", new Set(["AAPL"])), []);
  assert.deepEqual(freshness.staleOf("trades"), []);
  feed.mute.clear();
  await feed.run(2, BUSY);
  assert.deepEqual(freshness.staleOf("quotes"), []);
});

Deno.test("symbols that became silent one by one are reported together", async () => {
  const quiet = Array.from({ length: 34 }, (_, number) => `Q${number}`);
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  const symbols = [...SYMBOLS, ...quiet];
  feed.manager.add("quotes", symbols);
  const rates = Object.fromEntries(symbols.map((symbol) => [symbol, 5]));
  await feed.runUntil("10:12:00", rates);
  for (const symbol of quiet) {
    feed.mute.add(`quotes ${symbol}`);
    await feed.run(1, rates);
  }
  await feed.run(60, rates);
  const times = new Set(feed.notices.map(({ since }) => since));
  const [notice, ...others] = feed.freshness.staleOf("quotes");
  assert.deepEqual(others, []);
  assert.deepEqual(new Set(notice?.symbols), new Set(quiet));
  assert.equal(times.has(notice?.since ?? 0), true);
  assert.equal(new Date(notice?.since ?? 0).toISOString().slice(11, 19), "15:12:33");
});

Deno.test("a notice lists at most a thousand stale symbols", async () => {
  const quiet = Array.from({ length: 1_200 }, (_, number) => `Q${number}`);
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  const symbols = [...SYMBOLS, ...quiet];
  feed.manager.add("quotes", symbols);
  const rates = Object.fromEntries(symbols.map((symbol) => [symbol, 2]));
  await feed.runUntil("10:03:00", rates);
  for (const symbol of quiet) feed.mute.add(`quotes ${symbol}`);
  await feed.run(60, { ...rates, ...BUSY });
  const sizes = feed.freshness.staleOf("quotes").map(({ symbols }) => symbols.length);
  assert.deepEqual(sizes, [1_000, 200]);
});

Deno.test("a symbol whose subscription upstream has lost is subscribed again", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  // The audit repeats the first pair.
  feed.mute.add("quotes AAPL");
  feed.lost.add("quotes AAPL");
  await feed.run(4, BUSY);
  assert.deepEqual(
    feed.connector.last.requests.slice(-2).map(({ probe, pairs }) => [probe, pairs]),
    [[true, [{ channel: "quotes", symbol: "AAPL" }]], [false, [{
      channel: "quotes",
      symbol: "AAPL",
    }]]],
  );
  feed.mute.clear();
  await feed.run(3, BUSY);
  assert.equal(feed.state, "live");
  noReconnects(feed);
});

Deno.test("a symbol that no stream requests any more is not stale", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  feed.mute.add("quotes MSFT");
  await feed.run(5, BUSY);
  assert.equal(feed.state, "live, 1 symbols stale");
  feed.manager.remove("quotes", ["MSFT"]);
  await feed.run(5, BUSY);
  assert.equal(feed.state, "live");
});

Deno.test("only illiquid symbols are left and the feed stays live", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", [...SYMBOLS, "RARE"]);
  await feed.runUntil("10:12:00", { ...BUSY, RARE: 0.005 });
  feed.manager.remove("quotes", SYMBOLS);
  await feed.runUntil("15:59:00", { RARE: 0.005 });
  assert.equal(feed.state, "live");
  assert.equal(feed.changes.length, 2);
  noReconnects(feed);
});

Deno.test("an illiquid option stays quiet for days", async () => {
  await using feed = new WatchedFeed("2026-11-16T15:00:00-05:00", "opra");
  feed.manager.add("quotes", ["SPY270115C00900000"]);
  const rates = { SPY270115C00900000: 1 / 1_000 };
  await feed.runUntil("16:00:02", rates);
  for (const date of ["17", "18"]) {
    await feed.jumpTo(`2026-11-${date}T09:29:50-05:00`);
    await feed.run(7_200, rates);
    await feed.jumpTo(`2026-11-${date}T16:00:00-05:00`);
  }
  assert.deepEqual(feed.changes.map((line) => line.split(" ")[0]), [
    "recovering",
    "live",
    "closed",
    "live",
    "closed",
    "live",
    "closed",
  ]);
  assert.deepEqual(feed.symbolChanges, []);
  noReconnects(feed);
});

Deno.test("a holiday and a half day pass as closed", async () => {
  await using feed = new WatchedFeed("2026-11-25T15:50:00-05:00", "opra");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("16:00:00", BUSY);
  await feed.jumpTo("2026-11-26T09:29:00-05:00");
  await feed.run(1_800);
  assert.deepEqual(feed.changes.slice(2), ["closed 16:00:00"], "Thanksgiving");
  await feed.jumpTo("2026-11-27T09:29:50-05:00");
  await feed.runUntil("09:35:00", BUSY);
  await feed.jumpTo("2026-11-27T12:59:50-05:00");
  await feed.runUntil("13:00:00", BUSY);
  await feed.run(600);
  assert.deepEqual(feed.changes.slice(2), ["closed 16:00:00", "live 09:30:00", "closed 13:00:00"]);
  assert.deepEqual(feed.symbolChanges, []);
  noReconnects(feed);
});

for (
  const [change, friday, monday] of [
    ["begins", "2026-03-06T15:50:00-05:00", "2026-03-09T13:29:00Z"],
    ["ends", "2026-10-30T15:50:00-04:00", "2026-11-02T14:29:00Z"],
  ] as const
) {
  Deno.test(`the open is at 09:30 in New York when daylight time ${change}`, async () => {
    await using feed = new WatchedFeed(friday, "opra");
    feed.manager.add("quotes", SYMBOLS);
    await feed.runUntil("16:00:00", BUSY);
    await feed.jumpTo(monday);
    await feed.runUntil("09:29:59");
    assert.equal(feed.state, "closed");
    await feed.runUntil("09:31:00", BUSY);
    assert.deepEqual(feed.changes.slice(2), ["closed 16:00:00", "live 09:30:00"]);
    feed.isMute = true;
    await feed.run(20, BUSY);
    assert.equal(feed.state, "stale");
    noReconnects(feed);
  });
}

Deno.test("an overnight feed is live at night and closed by day", async () => {
  await using feed = new WatchedFeed("2026-11-15T19:00:00-05:00", "boats");
  feed.manager.add("quotes", SYMBOLS);
  await feed.run(2);
  assert.equal(feed.state, "closed");
  await feed.jumpTo("2026-11-15T19:59:58-05:00");
  await feed.runUntil("20:10:00", { AAPL: 1, MSFT: 1 });
  assert.equal(feed.state, "live");
  feed.isMute = true;
  await feed.run(120);
  assert.equal(feed.state, "stale");
  await feed.jumpTo("2026-11-16T04:00:00-05:00");
  assert.equal(feed.state, "closed");
  noReconnects(feed);
});

Deno.test("a stock feed is closed on a weekend without a heartbeat more than usual", async () => {
  await using feed = new WatchedFeed("2026-11-14T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.run(3_600);
  assert.equal(feed.state, "closed");
  assert.ok(feed.requests < 130, `${feed.requests} in an hour, one in 30 s`);
  noReconnects(feed);
});

Deno.test("a lost session makes the feed stale, a new one recovering, then live", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  feed.isBackfilling = true;
  feed.connector.last.drop("Connection closed with code 1006");
  await feed.clock.advance(10);
  assert.equal(feed.state, "stale");
  assert.equal(
    feed.freshness.notice.reason,
    "Stocks is not connected: Connection closed with code 1006",
  );
  await feed.run(5, BUSY);
  assert.equal(feed.state, "recovering", "missed messages are being fetched");
  assert.ok(feed.freshness.report.staleSeconds >= 5, "counted from the loss");
  feed.isBackfilling = false;
  await feed.run(1, BUSY);
  assert.equal(feed.state, "live");
  await feed.run(300, BUSY);
  assert.deepEqual(feed.changes.slice(2).map((line) => line.split(" ")[0]), [
    "stale",
    "recovering",
    "live",
  ]);
  assert.deepEqual(feed.symbolChanges, []);
});

Deno.test("a link that does not reply is failed by its heartbeat", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  feed.isMute = true;
  feed.isDeaf = true;
  await feed.run(9, BUSY);
  assert.equal(feed.state, "live", "the reply may still come");
  await feed.run(6, BUSY);
  assert.equal(feed.connector.dialedAt.length, 2);
  assert.equal(feed.log.records.some(({ fields }) => fields.error_type === "heartbeat"), true);
});

Deno.test("data that was delayed on the way is no silence", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", SYMBOLS);
  await feed.runUntil("10:12:00", BUSY);
  feed.isMute = true;
  feed.isDeaf = true;
  await feed.run(5, BUSY);
  feed.isMute = false;
  await feed.run(60, BUSY);
  assert.equal(feed.state, "live");
  assert.equal(feed.changes.length, 2);
  noReconnects(feed);
});

Deno.test("of a feed with everything subscribed, all messages count", async () => {
  await using feed = new WatchedFeed("2026-11-16T10:00:00-05:00");
  feed.manager.add("quotes", ["*"]);
  await feed.runUntil("10:12:00", BUSY);
  feed.isMute = true;
  await feed.run(10, BUSY);
  assert.equal(feed.state, "stale");
  noReconnects(feed);
});
