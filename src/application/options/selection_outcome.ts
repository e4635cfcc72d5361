/**
 * Returns what a selection of contracts reveals about its chain: what it lacks, and when that can
 * be listed.
 *
 * @module
 */
import {
  countUntradable,
  hasFewExpiries,
  listingOutlook,
  missingParts,
} from "../../domain/options/listing_outlook.ts";
import type { TradingMoment } from "../../domain/options/requested_series.ts";
import type { UnderlyingPrice } from "../../domain/options/tracked_price.ts";
import type { Chain, SelectionOutcome } from "./chain_entry.ts";
import type { Expansion } from "./expansion.ts";

/** What contracts were selected from. */
interface SelectionBasis {
  readonly chain: Chain;
  readonly price: UnderlyingPrice | undefined;
  readonly moment: TradingMoment;
}

/** The outcome of the last selection of an expansion. */
export function selectionOutcome(
  { scope: { underlying, selection }, selected, selectedCount }: Expansion,
  { chain: { contracts }, price, moment }: SelectionBasis,
): SelectionOutcome {
  const listed = { underlying, chain: contracts, moment };
  const outlook = selectedCount === 0
    ? listingOutlook(selection, listed)
    : missingParts(selection, listed).outlook;
  const { expiries = 0, fewStrikes = 0, unpaired = 0, gaps = 0 } = selected ?? {};
  const untradable = gaps > 0 ? 0 : countUntradable(selection, listed).untradable;
  return {
    isEmpty: outlook !== undefined,
    outlook,
    hasFewExpiries: gaps + untradable > 0 || hasFewExpiries(selection, listed, expiries),
    hasFewStrikes: fewStrikes + unpaired > 0,
    hasOpenRange: selected?.isRangeOpen,
    areTrading: moment.calendar.isOpen("options", moment.now),
    // A guess lies within the strikes.
    price: price?.source === "guess" ? undefined : price?.price,
  };
}
