import assert from "node:assert/strict";
import fc from "fast-check";
import { Activity } from "../../../../src/application/status/activity.ts";
import {
  createCounters,
  ERROR_TYPES,
  observe,
} from "../../../../src/application/status/counters.ts";
import { type LiveSources, liveView } from "../../../../src/application/status/live_view.ts";
import type { FeedSubscriptions } from "../../../../src/application/status/reports.ts";
import type {
  FeedStatus,
  FreshnessReport,
  ProxyStatus,
} from "../../../../src/application/status/status.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";
import type { Freshness } from "../../../../src/domain/market/notices.ts";
import { renderPage } from "../../../../src/infrastructure/http/page/document.ts";
import {
  formatBound,
  formatCount,
  formatDuration,
  formatRate,
  formatTime,
} from "../../../../src/infrastructure/http/page/format.ts";
import { html, Markup } from "../../../../src/infrastructure/http/page/html.ts";
import { statusPage } from "../../../../src/infrastructure/http/status_page.ts";
import { noReports } from "../../../support/http_dependencies.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

const HOSTILE = `</title></script><img src=x onerror="alert(1)">&'`;

function rendered(sources: Partial<LiveSources> = {}) {
  return renderPage(liveView({
    status: () => sampleStatus(["connected", "reconnecting", "error"]),
    feeds: new Set<FeedId>(["sip", "opra", "trading"]),
    ...noReports(),
    ...sources,
  }, { mayReadOrders: true }));
}

function contentOf(sources: Partial<LiveSources> = {}) {
  return rendered(sources).content;
}

async function pageOf(sources: Partial<LiveSources> = {}) {
  const routes = await statusPage(() => rendered(sources));
  const response = await routes["/"]?.({
    request: new Request("http://proxy/"),
    address: "127.0.0.1",
    completed: Promise.resolve(),
  });
  assert.ok(response);
  return { response, page: await response.text() };
}

/** What is written between these tags, everywhere. */
function contents(page: string, tag: string): string[] {
  const pattern = new RegExp(`<${tag}>(.*?)</${tag}>`, "gs");
  return Array.from(page.matchAll(pattern), ([, content = ""]) => content);
}

async function hashOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return `'sha256-${new Uint8Array(hash).toBase64()}'`;
}

Deno.test("the policy allows the page's own style and script and nothing else", async () => {
  const { response, page } = await pageOf();
  const policy = response.headers.get("content-security-policy") ?? "";
  const [style = "", ...noStyles] = contents(page, "style");
  const [script = "", ...noScripts] = contents(page, "script");
  assert.deepEqual([noStyles, noScripts], [[], []]);
  const directives = policy.split("; ");
  assert.equal(directives[0], "default-src 'none'");
  assert.ok(directives.includes(`style-src ${await hashOf(style)}`));
  assert.ok(directives.includes(`script-src ${await hashOf(script)}`));
  for (const word of ["connect-src 'self'", "frame-ancestors 'none'"]) {
    assert.ok(directives.includes(word), word);
  }
  assert.doesNotMatch(policy, /unsafe|http|\*/);
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
});

Deno.test("the page loads nothing else and has no inline handler", async () => {
  const { page } = await pageOf();
  assert.doesNotMatch(page, /https?:\/\/|\/\/cdn|@import|url\(/);
  assert.doesNotMatch(page, /<[^>]*\son[a-z]+=/);
  assert.doesNotMatch(page, /<[^>]*\sstyle=/);
  assert.doesNotMatch(
    page,
    /innerHTML|insertAdjacentHTML|eval\(|document\.write/,
  );
});

Deno.test("the script is JavaScript", async () => {
  const { page } = await pageOf();
  const [script = ""] = contents(page, "script");
  assert.doesNotThrow(() => new Function(script));
});

Deno.test("what clients and upstream say is shown as text", async () => {
  const { page } = await pageOf({
    streams: () => [{
      id: "3f2a91-7",
      channel: "stockQuotes",
      filter: HOSTILE,
      sent: 1,
      queued: 2,
      dropped: 3,
      openedAt: 0,
    }],
    errors: () => [{
      level: "error",
      at: 0,
      feed: HOSTILE,
      message: HOSTILE,
      cause: HOSTILE,
      times: 2,
    }],
  });
  assert.doesNotMatch(page, /<img|alert\(1\)"/);
  const escaped =
    "&lt;/title&gt;&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#39;";
  assert.equal(page.split(escaped).length - 1, 4);
});

Deno.test("no text leaves a template with a character that is markup", () => {
  fc.assert(fc.property(fc.string(), (value) => {
    const { text } = html`<b title="${value}">${value}</b>`;
    const inner = text.replace(/^<b title="/, "").replace(/<\/b>$/, "");
    assert.doesNotMatch(inner.replace(`">`, ""), /[<>"']/);
  }));
  assert.equal(html`${new Markup("<i>")}${[new Markup("a")]}`.text, "<i>a");
});

Deno.test("without scripts the page has every value already", async () => {
  const { page } = await pageOf();
  assert.match(page, /<noscript>.*Load it again.*<\/noscript>/s);
  assert.match(page, /data-text="feed.opra.state">Reconnecting</);
  assert.match(page, /data-text="feed.opra.attempts">attempt 3</);
  assert.match(page, /data-text="feed.trading.problem">auth failed</);
  assert.match(page, /data-text="overall">Degraded</);
  assert.match(page, /data-text="uptime">1 m 03 s \(since 15:00:00\)</);
});

Deno.test("every bound name has a value, and every value is bound", async () => {
  const { page } = await pageOf();
  const content = contentOf();
  const parts = { text: content.text, tone: content.tone, show: content.show };
  for (
    const [kind, values] of Object.entries({ ...parts, draw: content.draw })
  ) {
    const bound = new Set(
      Array.from(
        page.matchAll(new RegExp(`data-${kind}="([^"]+)"`, "g")),
        ([, name]) => name,
      ),
    );
    assert.deepEqual(
      Object.keys(values).filter((name) => !bound.has(name)),
      [],
      `${kind} that is nowhere`,
    );
    assert.deepEqual(
      [...bound].filter((name) => !Object.hasOwn(values, name ?? "")),
      [],
      `${kind} that is never set`,
    );
  }
});

Deno.test("a feed that the settings disable is shown as off, not as a problem", () => {
  const { text, tone } = contentOf({ feeds: new Set<FeedId>(["sip"]) });
  assert.equal(text["feed.trading.state"], "Off");
  assert.equal(tone["feed.trading"], "off");
  assert.equal(text["overall"], "Healthy");
  assert.equal(text["feeds.up"], "1 of 1 connected");
});

/** The status of one proxy with changes to its stock feed. */
function statusWith(changes: Partial<FeedStatus>, now = 1_705_330_863_900): () => ProxyStatus {
  const status = sampleStatus(["connected", "connected", "connected"], { now });
  const [stocks, ...others] = status.feeds;
  assert.ok(stocks);
  return () => ({ ...status, feeds: [{ ...stocks, ...changes }, ...others] });
}

Deno.test("a feed that is down has its outage, the next attempt and a remedy", () => {
  const now = Date.UTC(2024, 0, 16, 0, 0, 30);
  const { text, show } = contentOf({
    status: statusWith({
      state: "error",
      downSince: now - 90_000,
      lastConnectedAt: now - 3_600_000,
      errorMessage: "auth failed",
      remedy: "Check the key",
      nextAttemptAt: now + 12_000,
    }, now),
  });
  assert.equal(text["feed.sip.since.label"], "Down");
  assert.equal(text["feed.sip.since"], "for 1 m 30 s (since Jan 15 23:59:00)");
  assert.equal(text["feed.sip.problem"], "auth failed");
  assert.equal(text["feed.sip.remedy"], "Check the key");
  assert.equal(text["feed.sip.next"], "Next attempt in 12 s (00:00:42)");
  assert.deepEqual(
    ["problem", "remedy", "next", "outage"].map((name) => show[`feed.sip.${name}`]),
    [true, true, true, false],
  );
});

function freshnessOf(freshness: Freshness, staleSymbols = 0): FreshnessReport {
  const notice = { freshness, since: 1_705_330_800_000, reason: "No data for long", symbols: [] };
  return { notice, staleSeconds: 0, staleSymbols };
}

Deno.test("a connected feed without data is shown as a problem, with the reason", () => {
  const { text, tone, show } = contentOf({
    status: statusWith({ freshness: freshnessOf("stale") }),
  });
  assert.equal(text["feed.sip.state"], "No data");
  assert.equal(tone["feed.sip"], "bad");
  assert.equal(text["feed.sip.fresh"], "Stale since 15:00:00: No data for long");
  assert.equal(tone["feed.sip.fresh"], "bad");
  assert.equal(show["feed.sip.fresh"], true);
  assert.equal(show["feed.opra.fresh"], false, "unknown");
});

Deno.test("the data of a feed is live, recovering or closed, and symbols may be stale", () => {
  const shown = (["live", "recovering", "closed"] as const).map((freshness) => {
    const { text, tone } = contentOf({
      status: statusWith({ freshness: freshnessOf(freshness, freshness === "live" ? 3 : 0) }),
    });
    return [text["feed.sip.state"], text["feed.sip.fresh"], tone["feed.sip.fresh"]];
  });
  assert.deepEqual(shown, [
    ["Connected", "Live since 15:00:00; 3 symbols stale", "warn"],
    ["Connected", "Recovering since 15:00:00: No data for long", "warn"],
    ["Connected", "Market closed since 15:00:00", "plain"],
  ]);
});

Deno.test("a feed that is connected or connects has no text of a next attempt", () => {
  for (const state of ["connected", "connecting", "disconnected"] as const) {
    const { text, show } = contentOf({ status: statusWith({ state }) });
    assert.equal(text["feed.sip.next"], "");
    assert.equal(show["feed.sip.next"], false);
  }
});

Deno.test("a feed without attempts left shows that no attempt follows", () => {
  const { text, show } = contentOf({
    status: statusWith({ state: "error", errorMessage: "HTTP 502" }),
  });
  assert.equal(show["feed.sip.next"], true);
  assert.equal(text["feed.sip.next"], "No further attempt: restart the proxy");
});

Deno.test("a feed that is up again keeps the length of its last outage", () => {
  const { text, show } = contentOf({ status: statusWith({ lastOutageMs: 123_000 }) });
  assert.equal(text["feed.sip.since.label"], "Connected");
  assert.equal(text["feed.sip.since"], "for 1 m 03 s (since 15:00:00)");
  assert.equal(text["feed.sip.outage"], "2 m 03 s (until 15:00:00)");
  assert.equal(show["feed.sip.outage"], true);
  assert.equal(show["feed.sip.problem"], false);
});

Deno.test("a channel that few clients use is shown once it has messages", async () => {
  const counters = createCounters();
  const clock = new ManualClock();
  const activity = new Activity(counters, clock);
  const shown = () => {
    const { show } = contentOf({ counters, activity });
    return Object.keys(show).filter((name) => name.startsWith("channel.") && show[name]);
  };
  const usual = ["stockQuotes", "stockTrades", "stockBars", "optionQuotes", "optionTrades"]
    .concat("orderUpdates").map((channel) => `channel.${channel}`);
  assert.deepEqual(shown(), usual);
  const stop = new AbortController();
  const running = activity.run(stop.signal);
  counters.feeds.sip.received.luld++;
  counters.channels.imbalances.published++;
  await clock.advance(1_000);
  assert.deepEqual(shown(), usual.toSpliced(3, 0, "channel.priceBands", "channel.imbalances"));
  stop.abort();
  await running;
});

Deno.test("a closed market is shown beside the missing data", () => {
  const at = (now: number) => {
    const { text, show } = contentOf({ status: statusWith({}, now) });
    return ["sip", "opra", "trading"].map((feed) =>
      show[`feed.${feed}.market`] ? text[`feed.${feed}.market`] : ""
    );
  };
  assert.deepEqual(at(Date.UTC(2024, 0, 16, 15, 0)), ["", "", ""]);
  assert.deepEqual(at(Date.UTC(2024, 0, 16, 13, 0)), [
    "Pre-market, opens 14:30",
    "Market closed, opens 14:30",
    "",
  ]);
  // Martin Luther King Jr. Day is a Monday.
  assert.deepEqual(at(Date.UTC(2024, 0, 13, 18, 0)), [
    "Market closed, opens Jan 16 14:30",
    "Market closed, opens Jan 16 14:30",
    "",
  ]);
});

Deno.test("a market that is closed is not mentioned while data arrives", async () => {
  const clock = new ManualClock(Date.UTC(2024, 0, 13, 18, 0));
  const counters = createCounters();
  const activity = new Activity(counters, clock);
  const ending = new AbortController();
  const running = activity.run(ending.signal);
  const isShown = () =>
    contentOf({ counters, activity, status: statusWith({}, clock.now()) }).show["feed.sip.market"];
  counters.feeds.sip.received.trade = 1;
  await clock.advance(10_000);
  assert.equal(isShown(), false);
  await clock.advance(1_000);
  assert.equal(isShown(), true);
  ending.abort();
  await running;
});

Deno.test("the errors that a card lists add up to their total", () => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 1_000 }), { maxLength: 8 }), (counts) => {
    const counters = createCounters();
    counts.forEach((count, index) => {
      const type = ERROR_TYPES[index];
      if (type) counters.feeds.sip.errors[type] = count;
    });
    const text = contentOf({ counters }).text["feed.sip.errors"] ?? "";
    const [total = 0, ...parts] = Array.from(
      text.replaceAll(",", "").matchAll(/\d+/g),
      ([digits]) => Number(digits),
    );
    assert.equal(parts.reduce((sum, part) => sum + part, 0), total, text);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), total, text);
  }));
});

Deno.test("a chart shows the last minutes before any script runs", async () => {
  const clock = new ManualClock();
  const counters = createCounters();
  const activity = new Activity(counters, clock);
  const ending = new AbortController();
  const running = activity.run(ending.signal);
  counters.feeds.sip.received.quote = 10;
  await clock.advance(1_000);
  await clock.advance(89_000);
  ending.abort();
  await running;
  const { page } = await pageOf({ counters, activity });
  const [, label, path = ""] =
    /data-chart="feed.sip"[^>]*aria-label="([^"]*)"[^>]*><path[^>]* d="([^"]*)"/s.exec(page) ?? [];
  assert.equal(label, "Stocks, messages per second: now 0, peak 10 in the last 2 min");
  assert.equal(path.match(/l/g)?.length, 90);
});

Deno.test("the delay of data stands beside the time of processing", async () => {
  const clock = new ManualClock();
  const counters = createCounters();
  const activity = new Activity(counters, clock);
  const ending = new AbortController();
  const running = activity.run(ending.signal);
  await clock.advance(1_000);
  observe(counters.feeds.sip.processing, { seconds: 0.00002, messages: 9 });
  observe(counters.endToEnd.stockTrades, { seconds: 0.04, messages: 9 });
  observe(counters.endToEnd.stockTrades, { seconds: 900, messages: 1 });
  await clock.advance(1_000);
  ending.abort();
  await running;
  const { text } = contentOf({ counters, activity });
  const shown = ["p50", "p99", "window", "delay.p50", "delay.p99", "delay.window"];
  assert.deepEqual(shown.map((name) => text[`feed.sip.${name}`]), [
    "≤ 25 µs",
    "≤ 25 µs",
    "",
    "≤ 50 ms",
    "> 300 s",
    "",
  ]);
  assert.equal(text["feed.opra.delay.p50"], "–");
});

Deno.test("a stream shows its client, and every time is absolute too", () => {
  const now = 1_705_330_863_900;
  const { rows } = contentOf({
    streams: () => [{
      id: "3f2a91-7",
      channel: "stockQuotes",
      filter: "AAPL",
      peer: "10.0.0.7:53122",
      userAgent: "grpc-go/1.77.0",
      sent: 1,
      queued: 2,
      dropped: 3,
      openedAt: now - 5_000,
    }],
    errors: () => [{
      level: "warn",
      at: now - 5_000,
      feed: "opra",
      message: "Feed connection failed, retrying",
      cause: undefined,
      times: 1,
    }],
  });
  assert.deepEqual(rows.streams?.[0]?.cells, [
    "Stock quotes",
    "3f2a91-7",
    "AAPL",
    "10.0.0.7:53122 · grpc-go/1.77.0",
    "",
    "5 s",
    "15:00:58",
    "1",
    "",
    "2",
    "",
    "3",
    "",
  ]);
  assert.deepEqual(rows.errors?.[0]?.cells.slice(0, 3), ["5 s ago", "15:00:58", "Options"]);
});

Deno.test("a stream with options shows its policy, its id and how far it is behind", () => {
  const now = 1_705_330_863_900;
  const { rows } = contentOf({
    streams: () =>
      [
        { unacknowledged: 100, conflated: 12_345, oldestQueuedAt: now - 61_000 },
        { unacknowledged: undefined, conflated: 0, oldestQueuedAt: now - 999 },
        { unacknowledged: 0, conflated: 1, oldestQueuedAt: now + 1 },
      ].map(({ oldestQueuedAt, ...options }, index) => ({
        id: "3f2a91-7",
        channel: "stockQuotes",
        filter: "AAPL",
        sent: 5,
        queued: 2,
        dropped: 0,
        oldestQueuedAt,
        openedAt: now + index,
        options: { streamId: "7a1f", delivery: "latest", ...options },
      })),
  });
  assert.deepEqual(rows.streams?.map(({ cells }) => cells.filter((_, at) => at === 4 || at > 7)), [
    [
      "latest per symbol · 7a1f",
      "100 unacknowledged",
      "2",
      "oldest 1 m 01 s",
      "0",
      "12,345 conflated",
    ],
    ["latest per symbol · 7a1f", "", "2", "", "0", ""],
    ["latest per symbol · 7a1f", "0 unacknowledged", "2", "", "0", "1 conflated"],
  ]);
});

Deno.test("draining is shown as text, as a banner and as a state", () => {
  const { show, text, states } = contentOf({
    status: () => sampleStatus(["connected", "connected", "connected"], { draining: true }),
  });
  assert.equal(show["draining"], true);
  assert.equal(text["overall"], "Draining");
  assert.equal(states["Proxy"], "draining");
});

Deno.test("subscriptions stand against their quota, and rejections have reasons", () => {
  const report: FeedSubscriptions = {
    feed: "sip",
    channels: [{
      channel: "quotes",
      unfiltered: 2,
      symbols: [
        {
          symbol: "AAPL",
          state: "acknowledged",
          streams: 1,
          reason: undefined,
        },
        { symbol: "NOPE", state: "rejected", streams: 1, reason: "invalid" },
        { symbol: "MSFT", state: "waiting", streams: 1, reason: undefined },
      ],
    }],
    quota: { limit: 30, learned: true, used: 28 },
    expansions: [],
  };
  const { text, tone, draw, rows } = contentOf({
    subscriptions: () => [report],
  });
  assert.equal(text["feed.sip.quota"], "28 of 30, learned");
  assert.equal(tone["feed.sip.gauge"], "warn");
  assert.equal(draw["feed.sip.gauge"], "M0 0H93V4H0Z");
  assert.deepEqual(rows.subscriptions, [{
    cells: [
      "Stocks quotes",
      "rejected: NOPE – invalid; waiting: MSFT; 2 without a filter",
      "1",
      "0",
      "1",
      "1",
      "0",
    ],
    tone: "warn",
  }]);
});

Deno.test("an underlying shows price, source, age, expiries and what is short", () => {
  const selected = Array.from({ length: 7 }, (_, at) => [
    `SPY26091${at}C00561000`,
    `SPY26091${at}P00580500`,
  ]).flat();
  const { now } = sampleStatus(["connected", "reconnecting", "error"]);
  const expansions: FeedSubscriptions["expansions"] = [
    {
      underlying: "SPY",
      channel: "quotes",
      streams: 2,
      contracts: 14,
      wanted: 2_000,
      selected: new Set(selected),
      state: "ready",
      reason: "the symbol quota has slots for 14 of 2000 contracts",
      centre: 571.9,
      priceSource: "trade",
      pricedAt: now - 12_000,
    },
    {
      underlying: "QQQ",
      channel: "trades",
      streams: 1,
      contracts: 0,
      wanted: 0,
      selected: new Set(),
      state: "loading",
      reason: undefined,
      centre: undefined,
      priceSource: undefined,
      pricedAt: undefined,
    },
  ];
  const quota = { limit: 30, learned: true, used: 28 };
  const { rows } = contentOf({
    subscriptions: () => [{ feed: "opra", channels: [], quota, expansions }],
  });
  const days = ["0", "1", "2", "3", "4", "5"].map((day) => `2026-09-1${day}: 2 from 561 to 580.5`);
  assert.deepEqual(rows.expansions, [
    {
      cells: [
        "SPY quotes",
        "the symbol quota has slots for 14 of 2000 contracts",
        "around 571.90 (last trade, 12 s ago)",
        [...days, "and 1 more"].join("; "),
        "2",
        "14",
        "of 2,000",
        "ready",
      ],
      tone: "warn",
    },
    {
      cells: ["QQQ trades", "", "", "", "1", "0", "", "loading"],
      tone: "plain",
    },
  ]);
});

Deno.test("numbers and times read well at every size", () => {
  assert.deepEqual([0, 999_999, 12_345_678].map(formatCount), [
    "0",
    "999,999",
    "12.35M",
  ]);
  assert.deepEqual([undefined, 0, 0.25, 9.99, 1234.4].map(formatRate), [
    "–",
    "0",
    "0.3",
    "10",
    "1,234",
  ]);
  assert.deepEqual(
    [-5, 59_999, 187_000, 3_900_000, 187_200_000].map(formatDuration),
    ["0 s", "59 s", "3 m 07 s", "1 h 05 m", "2 d 4 h"],
  );
  assert.deepEqual(
    [undefined, 0.000025, 0.0025, 0.5, 60, Infinity].map((each) => formatBound(each, 0.5)),
    [
      "–",
      "≤ 25 µs",
      "≤ 2.5 ms",
      "≤ 500 ms",
      "≤ 60 s",
      "> 500 ms",
    ],
  );
});

Deno.test("the page of an edge shows what each feed receives from its hub", () => {
  const { now } = sampleStatus(["connected", "connected", "connected"]);
  const sip = { feed: "sip", term: 7, since: now - 90_000, silenceMs: 400, missing: 1 } as const;
  const opra = {
    feed: "opra",
    term: 7,
    since: now - 90_000,
    silenceMs: 4_000,
    missing: 0,
  } as const;
  const { content, html: page } = rendered({
    status: () =>
      sampleStatus(["connected", "connected", "connected"], {
        cluster: {
          role: "edge",
          hub: { ...opra, missing: 1, problem: undefined, feeds: [sip, opra] },
        },
      }),
  });
  assert.match(page, /<h2 id="hub">Hub<\/h2>/);
  assert.equal(content.text["hub.missing"], "1 entry missing");
  assert.equal(content.show["hub.problem"], false);
  const at = formatTime(now - 90_000, now);
  assert.deepEqual(content.rows.followed, [
    { cells: ["Stocks", "7", "1 m 30 s", at, "now", "1"], tone: "plain" },
    { cells: ["Options", "7", "1 m 30 s", at, "4 s ago", "0"], tone: "warn" },
  ]);
});

Deno.test("the page of a single process has nothing of a cluster", () => {
  const { content, html: page } = rendered();
  assert.equal(content.text["role"], undefined);
  assert.doesNotMatch(page, /id="(?:hub|edges)"/);
});
