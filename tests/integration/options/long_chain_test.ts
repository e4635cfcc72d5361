/**
 * Chains longer than a page, over real HTTP and a limited rate.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatOptionSymbol, type OptionContract } from "@alpaca-stream-proxy/simulator";
import { OptionHarness } from "./harness.ts";

const CHAIN = 10_000;

/** 50 weekly expiries of 100 strikes, LEAPS among them. */
function longChain(): OptionContract[] {
  const contracts: OptionContract[] = [];
  for (let week = 0; week < 50; week++) {
    const days = week < 49 ? 7 * week + 4 : 860;
    const expiration = new Date(Date.UTC(2026, 8, 14 + days))
      .toISOString().slice(0, 10);
    for (const type of ["call", "put"] as const) {
      for (let strike = 522; strike < 622; strike++) {
        const terms = { root: "SPY", expiration, type, strike };
        const symbol = formatOptionSymbol(terms);
        contracts.push({
          ...terms,
          symbol,
          underlying: "SPY",
          style: "american",
        });
      }
    }
  }
  return contracts;
}

/** Lists the long chain; `onPage` is called for each page. */
function list(
  harness: OptionHarness,
  onPage: (page: number) => void = () => {},
) {
  const chain = longChain();
  assert.equal(chain.length, CHAIN);
  let pages = 0;
  harness.simulator.market.optionContracts = () => {
    onPage(++pages);
    return chain;
  };
  return { chain, pages: () => pages };
}

const symbolsOf = (contracts: readonly { readonly symbol: string }[]) =>
  contracts.map(({ symbol }) => symbol).sort();

Deno.test("a chain of 10 000 contracts is loaded completely, with a 429 in between", async () => {
  await using harness = await OptionHarness.open();
  const { chain, pages } = list(harness, (page) => {
    // Planned while page 5 is answered: page 6 is refused, then served.
    if (page === 5) harness.simulator.faults.failRequests(429);
  });
  const { value, pauses } = await harness.withPauses(
    harness.catalog.contracts("SPY", harness.signal),
  );
  assert.deepEqual(symbolsOf(value), symbolsOf(chain));
  assert.equal(pages(), 10);
  assert.deepEqual(pauses, [1_000], "as long as Retry-After said");
  const [line] = harness.log.records;
  assert.deepEqual(line?.fields, {
    path: "/v2/options/contracts",
    cause: "HTTP 429 too many requests.",
    delay_ms: 1_000,
  });
});

Deno.test("loading a chain takes at most a fifth of the rate limit", async () => {
  await using harness = await OptionHarness.open({
    simulator: { rest: { tradingRequestsPerMinute: 16 } },
  });
  const { chain } = list(harness);
  const { value, pauses } = await harness.withPauses(
    harness.catalog.contracts("SPY", harness.signal),
  );
  assert.deepEqual(symbolsOf(value), symbolsOf(chain));
  assert.deepEqual(pauses, Array(3).fill(60_000), "3 + 3 + 3 + 1 pages");
  assert.deepEqual(harness.log.records, [], "nothing had to be asked twice");
});

Deno.test("a rate limit used up by others is waited for", async () => {
  await using harness = await OptionHarness.open({
    simulator: { rest: { tradingRequestsPerMinute: 80 } },
  });
  const account = `${harness.simulator.url}/v2/account`;
  const headers = {
    "APCA-API-KEY-ID": "SIM_KEY",
    "APCA-API-SECRET-KEY": "SIM_SECRET",
  };
  for (let used = 0; used < 80; used++) {
    await (await fetch(account, { headers })).body?.cancel();
  }
  const { chain } = list(harness);
  const { value, pauses } = await harness.withPauses(
    harness.catalog.contracts("SPY", harness.signal),
  );
  assert.deepEqual(symbolsOf(value), symbolsOf(chain));
  assert.deepEqual(pauses, [60_000]);
});

Deno.test("of a long chain the nearest contracts are selected, LEAPS on request", async () => {
  await using harness = await OptionHarness.open();
  list(harness);
  harness.simulator.emit("sip", [
    { T: "t", S: "SPY", p: 571.5, s: 1, t: "2026-09-14T14:30:00Z" },
  ]);
  harness.run();
  using _near = await harness.open("SPY", { maxExpiries: 1, maxContracts: 40 });
  await harness.seen(() => harness.reportOf("SPY")?.contracts === 40);
  const strikes = harness.sink.symbols().map((symbol) => {
    assert.ok(symbol.startsWith("SPY260918"), symbol);
    return Number(symbol.slice(-8)) / 1000;
  });
  assert.deepEqual([Math.min(...strikes), Math.max(...strikes)], [562, 581]);
  const before = harness.sink.symbols().length;
  using _leaps = await harness.open("SPY", { minDays: 365, maxDays: 1_000 });
  await harness.seen(() => harness.sink.symbols().length === before + 100);
  const far = harness.sink.symbols().filter((it) => it.startsWith("SPY290121"));
  assert.equal(far.length, 100);
});
