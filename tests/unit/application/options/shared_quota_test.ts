/** Expansions and the subscriptions of a feed together, against an upstream that replies. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import { Expansions } from "../../../../src/application/options/expansions.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { DEFAULT_SELECTION } from "../../../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { MANUAL_EPOCH } from "../../../support/manual_clock.ts";
import { DEFAULT_COUNTING, NO_LIMIT } from "../../../support/subscriptions.ts";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { ManagerHarness } from "../feeds/manager_harness.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

const INTERVAL_MS = 15_000;
const FULL = { code: 405, message: "symbol limit exceeded" };
const UNDERLYINGS = ["SPY", "QQQ", "IWM"];

/** Expansions, a subscription manager, and an upstream with a limit on quotes. */
class Rig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly harness: ManagerHarness;
  readonly expansions: Expansions;
  /** What upstream carries. */
  readonly carried: Record<"quotes" | "trades", Set<string>> = {
    quotes: new Set(),
    trades: new Set(),
  };
  /** Most quotes that upstream ever carried. */
  most = 0;
  readonly #limit: number;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;

  /** @param options.isKnown whether the plan is configured; otherwise the limit is learned */
  constructor({ limit, isKnown }: { readonly limit: number; readonly isKnown: boolean }) {
    this.#limit = limit;
    const counts = DEFAULT_COUNTING.options;
    const plan = { ...NO_LIMIT, counts, ...(isKnown && { pairs: limit, isOpen: false }) };
    this.harness = new ManagerHarness({ plan, limits: { maxPairs: 10, maxBytes: 1_000 } });
    const { clock, log, manager } = this.harness;
    const today = exchangeDay(MANUAL_EPOCH);
    for (const underlying of UNDERLYINGS) {
      const days = [today + 1, today + 7];
      const contracts = gridOf({ underlying, days, strikes: strikesFrom(60, 140) });
      this.catalog.listed.set(underlying, contracts);
      this.catalog.trades.set(underlying, 100);
    }
    this.expansions = new Expansions({
      catalog: this.catalog,
      sink: manager,
      directory: new UnderlyingDirectory(),
      clock,
      calendar: new MarketCalendar(),
      log,
      random: () => 0.5,
      settings: { selection: DEFAULT_SELECTION, priceIntervalMs: INTERVAL_MS, maxChains: 10 },
    });
    const session = this.harness.attach();
    session.onRequest = () => queueMicrotask(() => this.#reply());
    this.#run = this.expansions.run(this.#end.signal);
  }

  #reply(): void {
    const { action, pairs } = this.harness.session.requests.at(-1) ?? { pairs: [] };
    const next = {
      quotes: new Set(this.carried.quotes),
      trades: new Set(this.carried.trades),
    };
    for (const { channel, symbol } of pairs) {
      const symbols = next[channel as "quotes" | "trades"];
      if (action === "subscribe") symbols.add(symbol);
      else symbols.delete(symbol);
    }
    if (next.quotes.size > this.#limit) return this.harness.manager.rejected(FULL);
    Object.assign(this.carried, next);
    this.most = Math.max(this.most, next.quotes.size);
    this.harness.acknowledge({ quotes: [...next.quotes], trades: [...next.trades] });
  }

  /** Opens a stream that names symbols; `undefined` when it is refused. */
  name(channel: UpstreamChannel, symbols: readonly string[]): Disposable | undefined {
    const { manager } = this.harness;
    try {
      manager.checkQuota(channel, symbols);
    } catch (error) {
      if (error instanceof QuotaExceeded) return undefined;
      throw error;
    }
    manager.add(channel, symbols);
    this.expansions.rebalance();
    const stream = new DisposableStack();
    stream.defer(() => manager.remove(channel, symbols));
    stream.defer(() => this.expansions.rebalance());
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    await this.harness[Symbol.asyncDispose]();
  }
}

const names = fc.uniqueArray(fc.constantFrom(..."ABCDEFGHIJKL"), { minLength: 1, maxLength: 8 });
const step = fc.oneof(
  fc.record({
    do: fc.constant("open" as const),
    underlying: fc.constantFrom(...UNDERLYINGS),
    channel: fc.constantFrom("quotes" as const, "trades" as const),
    weight: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ do: fc.constant("name" as const), symbols: names }),
  fc.record({ do: fc.constant("close" as const), which: fc.nat(10) }),
  fc.record({
    do: fc.constant("move" as const),
    underlying: fc.constantFrom(...UNDERLYINGS),
    price: fc.integer({ min: 80, max: 120 }),
  }),
);

for (const isKnown of [true, false]) {
  const title = isKnown ? "a configured limit" : "a limit that is learned";
  Deno.test(`named symbols come before selected contracts under ${title}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 14 }),
        fc.integer({ min: 8, max: 30 }),
        async (steps, limit) => {
          await using rig = new Rig({ limit, isKnown });
          const streams: (Disposable & { readonly symbols: readonly string[] })[] = [];
          const named = () => new Set(streams.flatMap(({ symbols }) => symbols));
          for (const it of steps) {
            if (it.do === "open") {
              const { channel, underlying, weight } = it;
              const selection = { ...DEFAULT_SELECTION, weight };
              const stream = rig.expansions.open(channel, underlying, selection);
              streams.push(Object.assign(stream, { symbols: [] }));
            } else if (it.do === "name") {
              const stream = rig.name("quotes", it.symbols);
              const wanted = named().union(new Set(it.symbols)).size;
              assert.equal(stream === undefined && isKnown, wanted > limit && isKnown);
              if (stream) streams.push(Object.assign(stream, { symbols: it.symbols }));
            } else if (it.do === "close") {
              streams.splice(it.which, 1)[0]?.[Symbol.dispose]();
            } else rig.catalog.trades.set(it.underlying, it.price);
            await rig.harness.clock.advance(2 * INTERVAL_MS);
            const missing = named().difference(rig.carried.quotes);
            if (isKnown || named().size <= limit) assert.deepEqual([...missing], []);
            checkSharing(rig, limit);
          }
          assert.ok(rig.most <= limit, `${rig.most} of ${limit} slots`);
          for (const stream of streams) stream[Symbol.dispose]();
          await rig.harness.clock.advance(INTERVAL_MS);
          assert.deepEqual([...rig.carried.quotes, ...rig.carried.trades], []);
        },
      ),
      { numRuns: 40 },
    );
  });
}

/** No expansion is without contracts while another has more than a call and a put. */
function checkSharing({ expansions, carried }: Rig, limit: number): void {
  const reports = expansions.reports().filter(({ channel }) => channel === "quotes");
  const isShort = reports.some(({ contracts, wanted }) => contracts < wanted);
  if (isShort) assert.equal(carried.quotes.size, limit, "every slot is used");
  const most = Math.max(0, ...reports.map(({ contracts }) => contracts));
  for (const { contracts, wanted, reason } of reports) {
    if (contracts === wanted) continue;
    assert.match(reason ?? "", /slots for/);
    assert.ok(contracts >= Math.min(2, most - 1), `${contracts} of ${wanted}`);
  }
}
