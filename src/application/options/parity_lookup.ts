/**
 * Looks up what the options of an underlying imply about its price.
 *
 * @module
 */
import { type Series, seriesOf } from "../../domain/options/chain_index.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { parityPrice, type TimedPrice } from "../../domain/options/implied_price.ts";
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
  /** Today at the exchange, as days since 1970-01-01. */
  readonly today: number;
  /** Prices that are possible, USD; empty when none is known. */
  readonly around: readonly number[];
}

/**
 * Requests quotes of the nearest expiry after today: near the known prices first, then of all
 * strikes, then of the expiry after it. At most three requests.
 *
 * @throws ApiUnavailable
 */
export async function lookUpParity(
  catalog: OptionCatalog,
  { underlying, chain, today, around }: ParityQuery,
  signal: AbortSignal,
): Promise<TimedPrice | undefined> {
  let strikes = around.length > 0 ? strikesAround(chain, today, around) : undefined;
  for (const expiryDay of nextExpiries(chain, today)) {
    const contracts = contractsOf(chain, expiryDay);
    const query = { underlying, expiryDay };
    if (strikes) {
      const near = parityPrice(contracts, await catalog.quotes({ ...query, strikes }, signal));
      if (near !== undefined) return near;
      strikes = undefined;
    }
    const price = parityPrice(contracts, await catalog.quotes(query, signal));
    if (price !== undefined) return price;
  }
  return undefined;
}

/** The standard contracts of the next expiry; all of them when none is standard. */
export function nextContracts(chain: Chain, today: number): readonly OptionContract[] {
  const [expiry] = nextExpiries(chain, today);
  return expiry === undefined ? [] : contractsOf(chain, expiry);
}

/** The standard contracts of an expiry; all of them when none is standard. */
function contractsOf({ contracts }: Chain, expiryDay: number): readonly OptionContract[] {
  const series = seriesOf(contracts).filter((one) => one.expiryDay === expiryDay);
  const standard = series.filter(isStandard);
  return (standard.length > 0 ? standard : series)
    .flatMap(({ strikes }) => strikes.flatMap((strike) => strike.contracts));
}

/**
 * Expiries after today, because those of today may have stopped trading; today's if there is no
 * other. Adjusted contracts imply no price: expiries that have others are preferred.
 */
function nextExpiries({ contracts }: Chain, today: number): readonly number[] {
  const open = seriesOf(contracts).filter(({ expiryDay }) => expiryDay >= today);
  const later = open.filter(({ expiryDay }) => expiryDay > today);
  const series = later.length > 0 ? later : open;
  const standard = series.filter(isStandard);
  const days = (standard.length > 0 ? standard : series).map(({ expiryDay }) => expiryDay);
  return [...new Set(days)].slice(0, MAX_EXPIRIES);
}

function isStandard({ isAdjusted }: Series): boolean {
  return !isAdjusted;
}

function strikesAround(
  chain: Chain,
  today: number,
  around: readonly number[],
): readonly [lowest: number, highest: number] {
  const low = Math.min(...around);
  const high = Math.max(...around);
  const strikes = [...new Set(nextContracts(chain, today).map(({ strike }) => strike))]
    .sort((a, b) => a - b);
  const below = strikes.filter((strike) => strike <= low).at(-STRIKES_EACH_SIDE);
  const above = strikes.filter((strike) => strike >= high)[STRIKES_EACH_SIDE - 1];
  return [
    Math.min(low * (1 - WINDOW), below ?? Infinity),
    Math.max(high * (1 + WINDOW), above ?? 0),
  ];
}
