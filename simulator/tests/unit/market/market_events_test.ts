import assert from "node:assert/strict";
import { MarketHarness, type Shown } from "./market_harness.ts";

Deno.test("a halt on demand stops a stock until it resumes", () => {
  using harness = new MarketHarness("sip");
  harness.follow("quotes", "AAPL", "F").follow("statuses", "AAPL").follow("imbalances", "AAPL");
  harness.market.trigger("halt", { symbol: "AAPL" });
  harness.clock.advance(30_000);
  assert.deepEqual(harness.of("q").filter(({ S }) => S === "AAPL"), []);
  const [halt] = harness.of("s");
  assert.deepEqual([halt?.S, halt?.["sc"], halt?.["rc"], halt?.["z"]], ["AAPL", "P", "LUDP", "C"]);
  assert.ok(harness.of("i").length >= 29);
  harness.market.trigger("resume", { symbol: "AAPL" });
  assert.equal(harness.of("s").at(-1)?.["sc"], "T");
  harness.clock.advance(1000);
  assert.ok(harness.of("q").some(({ S }) => S === "AAPL"));
});

Deno.test("every event on demand reaches its channel, also at rate 0", () => {
  using harness = new MarketHarness("sip", { rate: 0 });
  harness.follow("trades", "F").follow("corrections", "F").follow("cancelErrors", "F")
    .follow("lulds", "F").follow("imbalances", "F").follow("dailyBars", "F");
  const price = harness.market.lastPrice("F") ?? 0;
  const types = (["band", "imbalance", "correction", "cancel", "daily_bar"] as const)
    .map((event) => {
      harness.messages.length = 0;
      harness.market.trigger(event, { symbol: "F" });
      return harness.messages.map(({ T }) => T).join();
    });
  assert.deepEqual(types, ["l", "i", "c", "x", "d"]);
  harness.market.trigger("correction", { symbol: "F" });
  const correction = harness.of("c").at(-1);
  const trade = harness.market.latestTrade("F");
  assert.equal(correction?.["oi"], trade?.["i"]);
  assert.notEqual(correction?.["ci"], trade?.["i"]);
  assert.equal(correction?.["op"], price);
  assert.throws(() => harness.market.trigger("band", { symbol: "NOPE" }), /no stock NOPE/);
});

Deno.test("a late trade on demand updates the bar before", () => {
  using harness = new MarketHarness("sip", { barSeconds: 5 });
  harness.follow("trades", "F").follow("bars", "F").follow("updatedBars", "F");
  harness.clock.advance(6_000);
  const [bar] = harness.of("b");
  const before = harness.of("u").length;
  harness.market.trigger("updated_bar", { symbol: "F" });
  const update = harness.of("u")[before];
  assert.equal(update?.["t"], bar?.["t"]);
  const isLate = ({ T, c }: Shown) => T === "t" && (c as string[]).includes("Z");
  const late = harness.messages.slice(harness.messages.findIndex(({ T }) => T === "b"))
    .filter(isLate);
  assert.equal(Number(update?.["n"]), Number(bar?.["n"]) + late.length);
  assert.equal(harness.of("t").at(-1), late.at(-1));
});

Deno.test("ids of corrected trades are never those of trades", () => {
  using harness = new MarketHarness("sip", { rate: 5000 });
  harness.follow("trades", "F").follow("corrections", "F");
  harness.faults.correctTrades(50);
  harness.clock.advance(2000);
  const trades = new Set(harness.of("t").map(({ i }) => i));
  const corrected = harness.of("c").map(({ ci }) => ci);
  assert.ok(corrected.length >= 50);
  assert.equal(new Set(corrected).size, corrected.length);
  assert.ok(corrected.every((id) => !trades.has(id)));
});

for (const format of ["number", "text"] as const) {
  Deno.test(`a share of the sizes has a fraction, as ${format}`, () => {
    const fractionalSizes = { share: 0.3, format };
    using harness = new MarketHarness("sip", { rate: 5000, barSeconds: 2, fractionalSizes });
    harness.follow("trades", "F").follow("quotes", "F").follow("bars", "F");
    harness.clock.advance(4_000);
    const checkSizes = (sizes: readonly unknown[]) => {
      const fractions = sizes.filter((size) => !Number.isInteger(size));
      const share = fractions.length / sizes.length;
      assert.ok(share > 0.2 && share < 0.4, String(share));
      for (const size of fractions) {
        assert.equal(typeof size, format === "text" ? "string" : "number");
        assert.match(String(size), /^\d+\.\d{1,6}$/);
      }
    };
    checkSizes(harness.of("t").map(({ s }) => s));
    checkSizes(harness.of("q").map(({ bs }) => bs));
    checkSizes(harness.of("q").map((quote) => quote["as"]));
    const [bar] = harness.of("b");
    const trades = harness.of("t").filter(({ t, c }) =>
      Date.parse(String(t)) < Date.parse(String(bar?.["t"])) + 2000 &&
      !(c as string[]).includes("Z")
    );
    const volume = trades.reduce((sum, { s }) => sum + Math.round(Number(s) * 1e6), 0) / 1e6;
    assert.equal(Number(bar?.["v"]), volume);
    assert.equal(
      typeof bar?.["v"],
      format === "text" && !Number.isInteger(volume) ? "string" : "number",
    );
  });
}

for (const irregularTrades of [true, false]) {
  Deno.test(`some trades are late, corrected and cancelled: ${irregularTrades}`, () => {
    using harness = new MarketHarness("sip", { rate: 10_000, barSeconds: 2, irregularTrades });
    harness.follow("trades", "*").follow("corrections", "*").follow("cancelErrors", "*");
    harness.clock.advance(4_000);
    const late = harness.of("t").filter(({ c }) => (c as string[]).includes("Z"));
    const counts = [late.length, harness.of("c").length, harness.of("x").length];
    assert.ok(counts.every((count) => (count > 0) === irregularTrades), counts.join());
    harness.messages.length = 0;
    harness.faults.lateTrades();
    harness.faults.correctTrades();
    harness.clock.advance(10);
    assert.ok(harness.of("c").length > 0);
  });
}
