import type { Account } from "../../src/accounts.ts";
import { ManualClock } from "../../src/clock.ts";
import { Faults } from "../../src/faults.ts";
import type { HistoryEntry } from "../../src/market/history.ts";
import type { MarketPrices, OptionContract } from "../../src/market/prices.ts";
import type { Message } from "../../src/protocol/messages.ts";
import { SeededRandom } from "../../src/random.ts";
import { RestApi, type RestOptions } from "../../src/rest/rest_api.ts";
import { Trading } from "../../src/trading/trading.ts";
import { contract, HIGH_CALL, LOW_CALL, ManualPrices } from "./trading_harness.ts";

export const PLUS: Account = {
  key: "PK1",
  secret: "shh",
  plan: "plus",
  token: "tok",
};
export const BASIC: Account = { key: "PK2", secret: "psst", plan: "basic" };

const TIME = "2026-09-14T14:29:58.25Z";

/** A market of MSFT, SPY and two SPY calls, with one trade and quote each. */
export class ManualMarket extends ManualPrices implements MarketPrices {
  latestTrade(symbol: string): Message | undefined {
    const price = this.lastPrice(symbol);
    return price === undefined ? undefined : {
      T: "t",
      S: symbol,
      p: price,
      s: 7,
      i: 9_007_199_254_740_993n,
      t: TIME,
    };
  }

  latestQuote(symbol: string): Message | undefined {
    const quote = this.quote(symbol);
    return quote && {
      T: "q",
      S: symbol,
      bp: quote.bid,
      ap: quote.ask,
      t: TIME,
    };
  }

  greeks() {
    return undefined;
  }

  latestBar(): Message | undefined {
    return undefined;
  }

  latestDays() {
    return { today: undefined, before: undefined };
  }

  history(): readonly HistoryEntry[] {
    return [];
  }
}

export interface RestHarness extends Disposable {
  readonly clock: ManualClock;
  readonly market: ManualMarket;
  readonly faults: Faults;
  readonly trading: Trading;
  /** Sends a request, with the Plus account's keys by default. */
  send(path: string, init?: RequestInit): Promise<Response>;
  /** The JSON of a GET that must succeed. */
  // deno-lint-ignore no-explicit-any -- replies are looked at by key
  get(path: string): Promise<any>;
  place(body: unknown): Promise<Response>;
}

export function keys({ key, secret }: Account): Record<string, string> {
  return { "APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret };
}

export function restHarness(
  options: RestOptions = {},
  contracts: readonly OptionContract[] = [
    contract(LOW_CALL, 650),
    contract(HIGH_CALL, 660),
  ],
): RestHarness {
  const clock = new ManualClock();
  const market = new ManualMarket(contracts);
  market.set("MSFT", 402, 402.1).set("SPY", 650, 650.02)
    .set(LOW_CALL, 12.3, 12.4).set(HIGH_CALL, 8.1, 8.2);
  const faults = new Faults();
  const random = new SeededRandom("rest");
  const accounts = [PLUS, BASIC];
  const trading = new Trading({
    clock,
    random,
    prices: market,
    accounts,
    faults,
    frames: "binary",
  }, { engine: { partialFillChance: 0 } });
  const api = new RestApi({
    clock,
    random,
    accounts,
    market,
    trading,
    faults,
  }, { tradingRequestsPerMinute: 100_000, ...options });
  const send = async (path: string, init: RequestInit = {}) => {
    const request = new Request(`http://localhost${path}`, {
      ...init,
      headers: { ...(init.headers ?? keys(PLUS)) },
    });
    return await api.handle(request) ??
      new Response("no such path", { status: 599 });
  };
  return {
    clock,
    market,
    faults,
    trading,
    send,
    get: async (path) => {
      const response = await send(path);
      const body = await response.text();
      if (response.status !== 200) {
        throw new Error(`${response.status} ${body}`);
      }
      return JSON.parse(body);
    },
    place: (body) => {
      return send("/v2/orders", { method: "POST", body: JSON.stringify(body) });
    },
    [Symbol.dispose]: () => trading[Symbol.dispose](),
  };
}
