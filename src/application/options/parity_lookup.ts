/**
 * Looks up what the options of an underlying imply about its price.
 *
 * @module
 */
import { exchangeDay } from "../../domain/calendar/exchange_time.ts";
import { type Series, seriesOf } from "../../domain/options/chain_index.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { parityPrice, type TimedPrice } from "../../domain/options/implied_price.ts";
import { lastTradingMoment } from "../../domain/options/last_trading.ts";
import type { TradingMoment } from "../../domain/options/requested_series.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import type { Chain } from "./option_chain_cache.ts";

/** Strikes requested around the known prices, as a fraction of them. */
const WINDOW = 0.03;
/** Strikes requested on each side at least. */
const STRIKES_EACH_SIDE = 3;
/** Expiries that are tried until one has usable quotes. */
const MAX_EXPIRIES = 2;

/** Which options are asked. */
interface ParityQuery {
  readonly underlying: string;
  readonly chain: Chain;
  readonly moment: TradingMoment;
  /** Prices that are possible, USD; empty when none is known. */
  readonly around: readonly number[];
  /** Whether quotes near these prices suffice. */
  readonly isNear: boolean;
  /** Called before each request. */
  readonly onRequest: () => void;
}

/**
 * Requests quotes of the nearest expiry after today: near the known prices first, then of all
 * strikes, then of the expiry after it. At most three requests; one if quotes near the prices
 * suffice.
 *
 * @throws ApiUnavailable
 */
export async function lookUpParity(
  catalog: OptionCatalog,
  { underlying, chain, moment, around, isNear, onRequest }: ParityQuery,
  signal: AbortSignal,
): Promise<TimedPrice | undefined> {
  let strikes = around.length > 0 ? strikesAround(chain, moment, around) : undefined;
  for (const expiryDay of nextExpiries(chain, moment)) {
    const contracts = contractsOf(chain, expiryDay, moment);
    const query = { underlying, expiryDay };
    onRequest();
    if (strikes) {
      const near = parityPrice(contracts, await catalog.quotes({ ...query, strikes }, signal));
      if (near !== undefined || isNear) return near;
      strikes = undefined;
      onRequest();
    }
    const price = parityPrice(contracts, await catalog.quotes(query, signal));
    if (price !== undefined) return price;
  }
  return undefined;
}

/** The standard contracts of the next expiry; all of them when none is standard. */
export function nextContracts(chain: Chain, moment: TradingMoment): readonly OptionContract[] {
  const [expiry] = nextExpiries(chain, moment);
  return expiry === undefined ? [] : contractsOf(chain, expiry, moment);
}

/** The contracts of an expiry: the standard ones that still trade, if any, or all standard ones. */
function contractsOf(
  { contracts }: Chain,
  expiryDay: number,
  { now, calendar }: TradingMoment,
): readonly OptionContract[] {
  const series = seriesOf(contracts).filter((one) => one.expiryDay === expiryDay);
  const standard = series.filter(isStandard);
  const trading = standard.filter((one) => lastTradingMoment(one, calendar) > now);
  const used = [trading, standard].find(({ length }) => length > 0) ?? series;
  return used
    .flatMap(({ strikes }) => strikes.flatMap((strike) => strike.contracts));
}

/**
 * The next expiries that have standard contracts and still trade, from tomorrow on: adjusted
 * contracts imply no price, and AM-settled ones stop on the day before they expire. Others if
 * there are none.
 */
function nextExpiries({ contracts }: Chain, { now, calendar }: TradingMoment): readonly number[] {
  const today = exchangeDay(now);
  const isLater = ({ expiryDay }: Series) => expiryDay > today;
  const isToday = ({ expiryDay }: Series) => expiryDay === today;
  const impliesPrice = (series: Series) =>
    isStandard(series) && lastTradingMoment(series, calendar) > now;
  const inOrder: readonly ((series: Series) => boolean)[] = [
    (series) => isLater(series) && impliesPrice(series),
    (series) => isToday(series) && impliesPrice(series),
    isLater,
    isToday,
  ];
  const series = seriesOf(contracts);
  for (const accepts of inOrder) {
    const days = firstDays(series, accepts);
    if (days.length > 0) return days;
  }
  return [];
}

/** The days of the first series that are accepted, nearest first. */
function firstDays(
  series: readonly Series[],
  accepts: (series: Series) => boolean,
): readonly number[] {
  const days = new Set<number>();
  for (const one of series) {
    if (days.has(one.expiryDay) || !accepts(one)) continue;
    days.add(one.expiryDay);
    if (days.size === MAX_EXPIRIES) break;
  }
  return [...days];
}

function isStandard({ isAdjusted }: Series): boolean {
  return !isAdjusted;
}

function strikesAround(
  chain: Chain,
  moment: TradingMoment,
  around: readonly number[],
): readonly [lowest: number, highest: number] {
  const low = Math.min(...around);
  const high = Math.max(...around);
  const strikes = [...new Set(nextContracts(chain, moment).map(({ strike }) => strike))]
    .sort((a, b) => a - b);
  const below = strikes.filter((strike) => strike <= low).at(-STRIKES_EACH_SIDE);
  const above = strikes.filter((strike) => strike >= high)[STRIKES_EACH_SIDE - 1];
  return [
    Math.min(low * (1 - WINDOW), below ?? Infinity),
    Math.max(high * (1 + WINDOW), above ?? 0),
  ];
}
