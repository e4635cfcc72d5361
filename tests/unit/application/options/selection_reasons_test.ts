import assert from "node:assert/strict";
import { selectionReasons } from "../../../../src/application/options/selection_reasons.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { DEFAULT_SELECTION } from "../../../../src/domain/options/selection.ts";
import { MANUAL_EPOCH } from "../../../support/manual_clock.ts";
import { gridOf } from "../../domain/options/chains.ts";

type Facts = Parameters<typeof selectionReasons>[0];

const EXPIRY = exchangeDay(MANUAL_EPOCH) + 1;
const contracts = gridOf({ days: [EXPIRY], strikes: [99, 100, 101] });
const chain = { contracts, expiries: [EXPIRY], day: EXPIRY - 1 };
const SELECTED = {
  isRangeOpen: false,
  oneSided: [],
  unpaired: 0,
  gaps: 0,
  fewStrikes: 0,
  expiries: 33,
  unreached: 0,
  incomplete: 0,
  withoutDeltas: 0,
  price: 100,
  between: [99, 101],
  validUntil: Infinity,
} as const;

/** A selection that is as requested, but for `changes`. */
function reasonsOf(changes: Partial<Facts>) {
  return selectionReasons({
    underlying: "SPY",
    selection: DEFAULT_SELECTION,
    chain: { at: "ready", chain, reason: undefined, areExpiriesConfirmed: true },
    overdue: undefined,
    price: { price: 100, source: "trade", asOf: MANUAL_EPOCH, problem: undefined },
    deltasProblem: undefined,
    selected: SELECTED,
    counts: { selected: 6, desired: 6, assigned: 6 },
    defaultMaximum: DEFAULT_SELECTION.maxContracts,
    now: MANUAL_EPOCH,
    calendar: new MarketCalendar(),
    ...changes,
  });
}

const chainWith = (reason: string) =>
  ({ at: "ready", chain, reason, areExpiriesConfirmed: true }) as const;
const priceWith = (problem: string) =>
  ({ price: 100, source: "trade", asOf: undefined, problem }) as const;

Deno.test("a selection that is as requested has no reason", () => {
  assert.deepEqual(reasonsOf({}), { text: undefined, kinds: "", isProblem: false });
});

Deno.test("reasons come with the most severe first, and their kinds have no counts", () => {
  const all = (assigned: number) =>
    reasonsOf({
      chain: chainWith("HTTP 502"),
      price: priceWith("HTTP 503"),
      counts: { selected: 6, desired: 5, assigned },
      selected: { ...SELECTED, oneSided: [EXPIRY], incomplete: 2, unreached: 3 },
    });
  const { text, kinds, isProblem } = all(4);
  assert.deepEqual(text?.split("; "), [
    "the symbol quota has slots for 4 of 5 contracts",
    "STREAM_PROXY_MAX_SYMBOLS leaves room for 5 contracts",
    "the chain is not renewed: HTTP 502",
    "the price is not renewed: HTTP 503",
    "1 expiry has strikes on one side of the price 100 only",
    "max_contracts 100 leaves 2 of 33 expiries without some of the strikes next to the price",
    "max_contracts 100 leaves 3 of 33 expiries without contracts",
  ]);
  assert.equal(isProblem, true);
  assert.equal(all(3).kinds, kinds, "other counts are the same kinds");
});

Deno.test("expiries that list fewer strikes than requested are a reason", () => {
  const selection = { ...DEFAULT_SELECTION, strikesEachSide: 10 };
  const { text, isProblem } = reasonsOf({ selection, selected: { ...SELECTED, fewStrikes: 2 } });
  assert.equal(
    text,
    "2 of 33 expiries list fewer strikes on a side of the price 100 than strikes_each_side 10",
  );
  assert.equal(isProblem, true);
});

Deno.test("a selection that is short for the share of its identity states the share", () => {
  const counts = { selected: 6, desired: 6, assigned: 4 };
  assert.equal(
    reasonsOf({ counts, mayHold: 5 }).text,
    "the symbol quota has slots for 4 of 6 contracts: the identity may hold 5 slots",
  );
  assert.equal(reasonsOf({ counts, mayHold: 5 }).kinds, reasonsOf({ counts }).kinds);
});

Deno.test("the text of all reasons is bounded", () => {
  const long = "x".repeat(450);
  const { text = "" } = reasonsOf({
    chain: chainWith(long),
    price: priceWith(long),
    counts: { selected: 6, desired: 6, assigned: 0 },
  });
  assert.match(text, /^the symbol quota has slots for 0 of 6 contracts; 2 more$/);
  const { text: cut = "" } = reasonsOf({ price: priceWith("y".repeat(10_000)) });
  assert.match(cut, /^the price is not renewed: y+\.\.\.$/);
  assert.ok(cut.length < 510, `${cut.length} characters`);
});

Deno.test("a price that trades and options contradict is not called outdated", () => {
  const problem = "trades at 40 USD contradict the options, which imply 34.5 USD";
  const { text, kinds, isProblem } = reasonsOf({
    price: { ...priceWith(problem), isContradicted: true },
  });
  assert.deepEqual(
    [text, kinds, isProblem],
    [`the price is not certain: ${problem}`, "price", true],
  );
});

Deno.test("the default maximum is a limit, a requested one is a problem", () => {
  const selected = { ...SELECTED, unreached: 8 };
  const { kinds, isProblem } = reasonsOf({ selected });
  assert.deepEqual([kinds, isProblem], ["limit", false]);
  const requested = reasonsOf({ selected, selection: { ...DEFAULT_SELECTION, maxContracts: 40 } });
  assert.deepEqual([requested.kinds, requested.isProblem], ["maximum", true]);
  const both = reasonsOf({ selected, price: priceWith("HTTP 503") });
  assert.deepEqual([both.kinds, both.isProblem], ["price,limit", true]);
});

Deno.test("expiries that are not tradable are a reason, and a limit once confirmed", () => {
  const listed = gridOf({ days: [EXPIRY, EXPIRY + 6, EXPIRY + 7], strikes: [99, 100, 101] })
    .map((one) => ({ ...one, isTradable: one.expiryDay !== EXPIRY + 6 }));
  for (const areExpiriesConfirmed of [true, false]) {
    const { text, isProblem } = reasonsOf({
      chain: {
        at: "ready",
        chain: { contracts: listed, expiries: [EXPIRY, EXPIRY + 6, EXPIRY + 7], day: EXPIRY - 1 },
        reason: undefined,
        areExpiriesConfirmed,
      },
      selection: { ...DEFAULT_SELECTION, maxExpiries: 3 },
      selected: { ...SELECTED, expiries: 2 },
    });
    const what = "1 of 3 expiries are not tradable";
    assert.equal(text, areExpiriesConfirmed ? what : `${what}, which is not confirmed yet`);
    assert.equal(isProblem, !areExpiriesConfirmed);
  }
});

Deno.test("contracts of which Alpaca trades none are a limit, not a problem", () => {
  const all = contracts.map((contract) => ({ ...contract, isTradable: false }));
  const some = all.map((contract, at) => at === 0 ? { ...contract, isTradable: true } : contract);
  const reasonsFor = (listed: typeof all) =>
    reasonsOf({
      chain: {
        at: "ready",
        chain: { ...chain, contracts: listed },
        reason: undefined,
        areExpiriesConfirmed: true,
      },
    });
  assert.deepEqual(reasonsFor(all), {
    text: "Alpaca trades no option contract of SPY: they are selected for their market data",
    kinds: "limit",
    isProblem: false,
  });
  assert.equal(reasonsFor(some).text, undefined);
});
