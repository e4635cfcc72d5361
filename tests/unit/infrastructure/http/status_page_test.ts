import assert from "node:assert/strict";
import fc from "fast-check";
import { type LiveSources, liveView } from "../../../../src/application/status/live_view.ts";
import type { FeedSubscriptions } from "../../../../src/application/status/reports.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";
import { renderPage } from "../../../../src/infrastructure/http/page/document.ts";
import {
  formatBound,
  formatCount,
  formatDuration,
  formatRate,
} from "../../../../src/infrastructure/http/page/format.ts";
import { html, Markup } from "../../../../src/infrastructure/http/page/html.ts";
import { statusPage } from "../../../../src/infrastructure/http/status_page.ts";
import { noReports } from "../../../support/http_dependencies.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

const HOSTILE = `</title></script><img src=x onerror="alert(1)">&'`;

function rendered(sources: Partial<LiveSources> = {}) {
  return renderPage(liveView({
    status: () => sampleStatus(["connected", "reconnecting", "error"]),
    feeds: new Set<FeedId>(["sip", "opra", "trading"]),
    ...noReports(),
    ...sources,
  }));
}

function contentOf(sources: Partial<LiveSources> = {}) {
  return rendered(sources).content;
}

async function pageOf(sources: Partial<LiveSources> = {}) {
  const routes = await statusPage(() => rendered(sources));
  const response = await routes["/"]?.({
    request: new Request("http://proxy/"),
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
  assert.match(page, /data-text="uptime">1 m 03 s</);
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

Deno.test("a feed that the settings leave out is off, not in trouble", () => {
  const { text, tone } = contentOf({ feeds: new Set<FeedId>(["sip"]) });
  assert.equal(text["feed.trading.state"], "Off");
  assert.equal(tone["feed.trading"], "off");
  assert.equal(text["overall"], "Healthy");
  assert.equal(text["feeds.up"], "1 of 1 connected");
});

Deno.test("draining is shown as text, as a banner and as a state", () => {
  const { show, text, states } = contentOf({
    status: () => sampleStatus(["connected", "connected", "connected"], { draining: true }),
  });
  assert.equal(show["draining"], true);
  assert.equal(text["overall"], "Draining");
  assert.equal(states["Proxy"], "draining");
});

Deno.test("subscriptions stand against their budget, and refusals have reasons", () => {
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
  assert.equal(text["feed.sip.budget"], "28 of 30, learned");
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
    [undefined, 0.000025, 0.0025, 0.5, Infinity].map(formatBound),
    [
      "–",
      "≤ 25 µs",
      "≤ 2.5 ms",
      "≤ 500 ms",
      "> 500 ms",
    ],
  );
});
