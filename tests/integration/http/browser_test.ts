/**
 * The status page in a real browser. Left out, with a word about it, where no
 * Chromium is installed: `apt-get install chromium`, or set `CHROMIUM`.
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import { Activity } from "../../../src/application/status/activity.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import type { ProxyStatus } from "../../../src/application/status/status.ts";
import type { FeedId } from "../../../src/domain/connection/feed.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { serveHttp, type ServeHttpOptions } from "../../../src/infrastructure/http/serve_http.ts";
import { administered, NAMED_ACCESS } from "../../support/administered.ts";
import { httpDependencies } from "../../support/http_dependencies.ts";
import { sampleStatus } from "../../support/sample_status.ts";
import { until } from "../../support/until.ts";
import { BrowserPage, findChromium, type PageOptions } from "./browser.ts";

const CHROMIUM = findChromium();
const DESKTOP = { width: 1280, height: 800, scheme: "light" } as const;
const PHONE = { width: 390, height: 844, scheme: "dark" } as const;
const HOSTILE = `<img src=x onerror="document.title='taken over'">`;

const LEFT_OUT = CHROMIUM === undefined ? " (skipped: no Chromium on this machine)" : "";

function browserTest(name: string, fn: () => Promise<void>): void {
  const ignore = CHROMIUM === undefined;
  Deno.test({ name: `${name}${LEFT_OUT}`, fn, ignore });
}

/** A port with everything on it that can be seen. */
async function serveEverything(options: Partial<ServeHttpOptions> = {}) {
  let status: ProxyStatus = sampleStatus([
    "connected",
    "reconnecting",
    "error",
  ]);
  const counters = createCounters();
  counters.feeds.sip.received.quote = 1_000;
  counters.feeds.sip.errors.dial = 3;
  counters.feeds.sip.processing.counts[4] = 900;
  counters.feeds.sip.received.correction = 2;
  counters.channels.stockQuotes.dropped = 141_725;
  const activity = new Activity(counters, systemClock);
  const ending = new AbortController();
  const sampling = activity.run(ending.signal);
  const serve = (port: number) =>
    serveHttp({
      health: { host: "127.0.0.1", port },
      metrics: { host: "127.0.0.1", port: 0 },
      ...httpDependencies(),
      feeds: new Set<FeedId>(["sip", "opra", "trading"]),
      status: () => status = { ...status, now: status.now + 1_000 },
      renderMetrics: () => Promise.resolve(""),
      onError: (cause) => {
        throw cause;
      },
      counters,
      activity,
      streams: () => {
        counters.feeds.sip.received.quote++;
        return Array.from({ length: 100 }, () => ({
          id: "3f2a91-7",
          channel: "stockQuotes",
          filter: HOSTILE,
          sent: counters.feeds.sip.received.quote,
          queued: 400,
          dropped: 7,
          openedAt: status.startedAt,
        }));
      },
      subscriptions: () => [{
        feed: "sip",
        channels: [{
          channel: "quotes",
          unfiltered: 1,
          symbols: [{
            symbol: "AAPL",
            state: "rejected",
            streams: 1,
            reason: "symbol limit exceeded",
          }],
        }],
        quota: { limit: 30, learned: false, used: 29 },
        expansions: [{
          underlying: "AAPL",
          channel: "quotes",
          streams: 1,
          contracts: 3,
          state: "ready",
          reason: "the symbol quota has slots for 3 of 24 contracts",
          centre: 187.5,
          selected: new Set(["AAPL260918C00185000", "AAPL260918P00190000", "AAPL260925C00187500"]),
          wanted: 24,
          priceSource: "parity",
          pricedAt: status.now - 12_000,
        }],
      }],
      errors: () => [{
        level: "error",
        at: status.now - 5_000,
        feed: "trading",
        message: "Feed failed: no reconnect attempts left",
        cause: HOSTILE,
        times: 3,
      }],
      ...options,
    });
  let servers = await serve(0);
  const port = servers.healthPort;
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: () => servers[Symbol.asyncDispose](),
    restart: async () => {
      servers = await serve(port);
    },
    change: (next: ProxyStatus) => void (status = next),
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await sampling;
      await servers[Symbol.asyncDispose]();
    },
  };
}

function open(options: PageOptions): Promise<BrowserPage> {
  assert.ok(CHROMIUM);
  return BrowserPage.open(CHROMIUM, options);
}

/** Cells of the traffic table that are wider than their column. */
const CUT_OFF = `[...document.querySelectorAll(".traffic th, .traffic td")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth)
  .map((cell) => cell.textContent.trim())`;

const linkState = `document.querySelector("[data-link]")?.dataset.link`;
const textOf = (name: string) => `document.querySelector('[data-text="${name}"]').textContent`;

browserTest(
  "the page follows the proxy by itself, without an error",
  async () => {
    await using proxy = await serveEverything();
    await using page = await open(DESKTOP);
    await page.goTo(proxy.url);
    await until(
      "it is live",
      async () => await page.evaluate(linkState) === "live",
    );
    proxy.change(sampleStatus(["connected", "connected", "connected"]));
    await until(
      "the change is seen",
      async () => await page.evaluate(textOf("overall")) === "Healthy",
    );
    const news = await page.evaluate(
      `document.querySelector("[data-news]").textContent`,
    );
    assert.equal(
      news,
      "Proxy: healthy. Options feed: connected. Trade updates feed: connected",
    );
    await until(
      "a chart is drawn",
      async () =>
        /l/.test(String(
          await page.evaluate(
            `document.querySelector('[data-chart="in.stockQuotes"] path').getAttribute("d")`,
          ),
        )),
    );
    assert.match(
      String(
        await page.evaluate(
          `document.querySelector('[data-chart="in.stockQuotes"]').getAttribute("aria-label")`,
        ),
      ),
      /^Stock quotes in per second: now [\d.]+, peak [\d.]+ in the last 1 min$/,
    );
    assert.deepEqual(page.complaints, []);
  },
);

browserTest("what a client asked for stays text in the live page", async () => {
  await using proxy = await serveEverything();
  await using page = await open(DESKTOP);
  await page.goTo(proxy.url);
  await until(
    "it is live",
    async () => await page.evaluate(linkState) === "live",
  );
  const shown = await page.evaluate(
    `document.querySelector('[data-rows=streams] .cell-note').textContent`,
  );
  assert.equal(shown, HOSTILE);
  assert.equal(await page.evaluate("document.images.length"), 0);
  assert.deepEqual(page.complaints, []);
});

browserTest("an operator acts after a confirmation and sees the result", async () => {
  const made = administered(systemClock);
  await using proxy = await serveEverything({ access: NAMED_ACCESS, admin: made.admin });
  await using page = await open(DESKTOP);
  await page.goTo(proxy.url.replace("//", "//any:operator@"));
  await until("it is live", async () => await page.evaluate(linkState) === "live");
  const click = (selector: string) =>
    page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  const result = `document.querySelector("[data-confirm-result]").textContent`;
  const isOpen = `document.querySelector("dialog").open`;

  await click("[data-action=drain]");
  assert.equal(await page.evaluate(isOpen), true);
  assert.equal(made.drain.reason, undefined, "nothing happens before the confirmation");
  await click("[data-confirm-no]");
  assert.equal(await page.evaluate(isOpen), false);
  await click("[data-action=drain]");
  await page.evaluate(`document.querySelector("[data-confirm-reason]").value = "upgrade"`);
  await click("[data-confirm-yes]");
  await until("the result", async () => await page.evaluate(result) !== "");
  assert.equal(
    await page.evaluate(result),
    "The proxy is not ready and refuses new streams",
  );
  assert.equal(made.drain.reason, "The proxy accepts no new streams: upgrade");
  await click("[data-confirm-no]");

  await click("[data-action=end-stream]");
  const subject = `document.querySelector("[data-confirm-subject]").textContent`;
  assert.match(String(await page.evaluate(subject)), /^Stock quotes · 3f2a91-7 · /);
  await page.evaluate(axe.source);
  const faults = await page.evaluate(
    `axe.run(document).then(({ violations }) => violations.map(({ id }) => id))`,
  );
  assert.deepEqual(faults, []);
  await click("[data-confirm-yes]");
  await until("the failure", async () => await page.evaluate(result) !== "");
  assert.match(String(await page.evaluate(result)), /^Not done: No stream with this id is open/);
  assert.equal(await page.evaluate("document.images.length"), 0);
  // The console reports the 404 of the stream that is not open, and nothing else.
  assert.equal(page.complaints.length, 1, page.complaints.join("\n"));
});

for (
  const [name, options] of [
    ["a desktop in light", DESKTOP],
    ["a desktop in dark", { ...DESKTOP, scheme: "dark" }],
    ["a phone in light", { ...PHONE, scheme: "light" }],
    ["a phone in dark", PHONE],
  ] as const
) {
  browserTest(
    `axe finds no fault on ${name}, and nothing is cut off`,
    async () => {
      await using proxy = await serveEverything();
      await using page = await open(options);
      await page.goTo(proxy.url);
      await until(
        "it is live",
        async () => await page.evaluate(linkState) === "live",
      );
      await page.evaluate(axe.source);
      const found = await page.evaluate(`axe.run(document, {
      resultTypes: ["violations"],
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }).then(({ violations, passes }) => ({
      rules: passes.length,
      faults: violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html)),
    }))`) as { rules: number; faults: string[] };
      assert.deepEqual(found.faults, []);
      assert.ok(found.rules > 20, "axe looked at something");
      assert.equal(
        await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        ),
        0,
      );
      assert.deepEqual(await page.evaluate(CUT_OFF), []);
      const errors = await page.evaluate(
        `document.querySelector("#errors").getBoundingClientRect().top`,
      ) as number;
      assert.ok(errors < 3_000, "a hundred streams push the errors away");
    },
  );
}

browserTest(
  "everything that can be used is reached by keyboard, and seen when it is",
  async () => {
    await using proxy = await serveEverything();
    await using page = await open(DESKTOP);
    await page.goTo(proxy.url);
    await until(
      "it is live",
      async () => await page.evaluate(linkState) === "live",
    );
    const reached: unknown[] = [];
    for (let step = 0; step < 11; step++) {
      await page.press("Tab");
      reached.push(
        await page.evaluate(`(() => {
      const it = document.activeElement;
      const seen = getComputedStyle(it).outlineStyle !== "none";
      return (seen ? "" : "unseen ") + (it.getAttribute("aria-label") ?? it.textContent);
    })()`),
      );
    }
    assert.deepEqual(reached, [
      "Skip to the feeds",
      "Pause",
      "Rates by type",
      "Symbols by channel",
      "Contracts by underlying",
      "Open streams",
      "Latest first",
      "Health",
      "Liveness",
      "Readiness",
      "Metrics",
    ]);
  },
);

browserTest("updates can be paused, and resumed, by keyboard", async () => {
  await using proxy = await serveEverything();
  await using page = await open(DESKTOP);
  await page.goTo(proxy.url);
  await until(
    "it is live",
    async () => await page.evaluate(linkState) === "live",
  );
  await page.press("Tab");
  await page.press("Tab");
  await page.press("Enter");
  assert.equal(
    await page.evaluate("document.activeElement.textContent"),
    "Resume",
  );
  assert.equal(await page.evaluate(linkState), "off");
  assert.match(String(await page.evaluate("document.title")), /^Paused · /);
  const then = await page.evaluate(textOf("now"));
  proxy.change(sampleStatus(["connected", "connected", "connected"]));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(await page.evaluate(textOf("now")), then);
  await page.press("Enter");
  await until(
    "it is live",
    async () => await page.evaluate(linkState) === "live",
  );
  assert.equal(await page.evaluate(textOf("overall")), "Healthy");
  assert.match(String(await page.evaluate("document.title")), /^Healthy · /);
});

/** What a page shows that must not look as if it were so now. */
const SHOWN = `({
  title: document.title,
  overall: document.querySelector('[data-text="overall"]').textContent,
  feeds: [...document.querySelectorAll(".feed")].map((card) =>
    card.dataset.toneIs + " " + card.querySelector('[data-text$=".state"]').textContent),
  up: document.querySelector('[data-text="feeds.up"]').textContent,
  news: document.querySelector("[data-news]").textContent,
  link: document.querySelector("[data-link-text]").textContent.replace(/\\d+/, "N"),
})`;

browserTest("a page that loses the proxy shows it in every part, and recovers", async () => {
  await using proxy = await serveEverything();
  await using page = await open(PHONE);
  await page.goTo(proxy.url);
  const isLive = async () => await page.evaluate(linkState) === "live";
  await until("it is live", isLive);
  const since = String(await page.evaluate(textOf("now"))).slice(11, 17);
  await proxy.stop();
  await until("it is lost", async () => await page.evaluate(linkState) === "lost");
  const lost = await page.evaluate(SHOWN) as Record<string, string>;
  const contact = new RegExp(`^No contact since ${since}\\d\\d UTC`);
  assert.match(lost["title"] ?? "", contact);
  assert.match(lost["overall"] ?? "", contact);
  assert.match(lost["news"] ?? "", contact);
  assert.equal(lost["link"], "No contact for N s");
  assert.equal(lost["up"], "states are not known");
  for (const card of lost["feeds"] ?? []) {
    assert.match(card, new RegExp(`^off No contact since ${since}\\d\\d$`));
  }
  await page.evaluate(axe.source);
  const faults = await page.evaluate(
    `axe.run(document).then(({ violations }) => violations.map(({ id }) => id))`,
  );
  assert.deepEqual(faults, []);
  await proxy.restart();
  await until("it is live again", isLive);
  const again = await page.evaluate(SHOWN) as Record<string, string>;
  assert.equal(again["title"], "Degraded · PAPER · Alpaca Stream Proxy");
  assert.deepEqual(again["feeds"], ["good Connected", "warn Reconnecting", "bad Error"]);
  assert.equal(again["news"], "Contact again");
});

browserTest("the last event of a proxy that stops says that it shuts down", async () => {
  await using proxy = await serveEverything();
  await using page = await open(DESKTOP);
  await page.goTo(proxy.url);
  await until("it is live", async () => await page.evaluate(linkState) === "live");
  proxy.change(sampleStatus(["connected", "connected", "connected"], { draining: true }));
  await proxy.stop();
  await until("it is lost", async () => await page.evaluate(linkState) === "lost");
  const { overall } = await page.evaluate(SHOWN) as { overall: string };
  assert.match(overall, /^Shut down, no contact since [\d:]+ UTC$/);
  assert.equal(await page.evaluate(`document.querySelector(".draining").hidden`), false);
});

browserTest("a page that gets no events does not look live", async () => {
  await using proxy = await serveEverything({ maxViewers: 0 });
  await using page = await open(DESKTOP);
  await page.goTo(proxy.url);
  await until("it is lost", async () => await page.evaluate(linkState) === "lost");
  await until("it says so", async () => {
    const { overall } = await page.evaluate(SHOWN) as { overall: string };
    return /^No contact since /.test(overall);
  });
});

browserTest("a list that scrolls on a phone shows that there is more", async () => {
  await using proxy = await serveEverything();
  await using page = await open(PHONE);
  await page.goTo(proxy.url);
  await until("it is live", async () => await page.evaluate(linkState) === "live");
  const scrollers = await page.evaluate(`[...document.querySelectorAll(".scroller")].map((it) => ({
    label: it.getAttribute("aria-label"),
    isWide: it.scrollWidth > it.clientWidth,
    isTall: it.scrollHeight > it.clientHeight,
    more: getComputedStyle(it, "::after").content,
  }))`) as { label: string; isWide: boolean; isTall: boolean; more: string }[];
  assert.deepEqual(scrollers.filter(({ isWide }) => isWide), []);
  for (const { label, isTall, more } of scrollers) {
    assert.equal(isTall, label === "Open streams", label);
    assert.equal(more, isTall ? '"Scroll for more"' : "none", label);
  }
  await page.evaluate(`(() => {
    const list = document.querySelector('[aria-label="Open streams"]');
    list.scrollTop = list.scrollHeight;
  })()`);
  await until("nothing more is promised at the end", async () =>
    await page.evaluate(
      `document.querySelector('[aria-label="Open streams"]').hasAttribute("data-more")`,
    ) === false);
});
