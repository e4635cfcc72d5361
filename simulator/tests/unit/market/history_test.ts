import assert from "node:assert/strict";
import { MarketHistory } from "../../../src/market/history.ts";

const t = "2026-09-14T14:30:00Z";

function numbers(history: MarketHistory, symbol: string): unknown[] {
  return history.select("trades", new Set([symbol])).map(({ message }) => message["i"]);
}

Deno.test("a history keeps the latest trades, numbers rise when others are dropped", () => {
  const history = new MarketHistory(100);
  for (let i = 0; i < 1000; i++) history.record({ T: "t", S: "F", i, t });
  const kept = history.select("trades", new Set(["F"]));
  assert.ok(kept.length >= 100 && kept.length < 200);
  assert.equal(kept.at(-1)?.message["i"], 999);
  const before = kept.at(-1)?.number ?? 0;
  for (let i = 1000; i < 2000; i++) history.record({ T: "t", S: "F", i, t });
  assert.ok((history.select("trades", new Set(["F"])).at(0)?.number ?? 0) > before);
});

Deno.test("a history without capacity keeps latest bars only", () => {
  const history = new MarketHistory(0);
  history.record({ T: "t", S: "F", i: 1, t });
  history.record({ T: "b", S: "F", v: 7, t });
  assert.deepEqual(numbers(history, "F"), []);
  assert.equal(history.latestBar("F")?.["v"], 7);
});

Deno.test("an update changes the bar of its own time only", () => {
  const history = new MarketHistory(10);
  const next = "2026-09-14T14:31:00Z";
  history.record({ T: "b", S: "F", v: 1, t });
  history.record({ T: "b", S: "F", v: 2, t: next });
  history.record({ T: "u", S: "F", v: 3, t });
  const volumes = history.select("bars", new Set(["F"])).map(({ message }) => message["v"]);
  assert.deepEqual(volumes, [3, 2]);
  assert.equal(history.latestBar("F")?.["v"], 2);
  history.record({ T: "u", S: "F", v: 4, t: next });
  assert.equal(history.latestBar("F")?.["v"], 4);
});

Deno.test("symbols of latest values are bounded", () => {
  const history = new MarketHistory(0);
  for (let index = 0; index <= 20_000; index++) {
    history.record({ T: "b", S: `S${index}`, t });
    history.recordUnlisted({ T: "q", S: `S${index}`, t });
  }
  assert.equal(history.latestBar("S0"), undefined);
  assert.equal(history.latestUnlisted("q", "S0"), undefined);
  assert.ok(history.latestBar("S20000") && history.latestUnlisted("q", "S20000"));
});

Deno.test("a message without a readable time is not in the history", () => {
  const history = new MarketHistory(10);
  history.record({ T: "t", S: "F", i: 1 });
  history.record({ T: "t", S: "F", i: 2, t: "yesterday" });
  history.record({ T: "t", S: "F", i: 3, t });
  assert.deepEqual(numbers(history, "F"), [3]);
});
