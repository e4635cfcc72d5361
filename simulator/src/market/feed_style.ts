/**
 * What is peculiar to each stock feed: exchanges, delay, conditions. Only
 * codes of Alpaca's published tables occur.
 *
 * @module
 */
import type { EndpointName } from "../protocol/endpoints.ts";
import type { Issue } from "./universe.ts";

/** How one feed shows the market. */
export interface FeedStyle {
  /** Exchanges of bids and asks. */
  readonly quoteExchanges: readonly string[];
  /** Exchanges of trades; an off-exchange print is always `D`. */
  readonly tradeExchanges: readonly string[];
  /** Tape of every element; undefined for the issue's own. */
  readonly tape?: "N";
  /** Spread as a multiple of the consolidated one. */
  readonly spreadFactor: number;
  /** How far timestamps lie in the past. */
  readonly delaySeconds: number;
}

const CONSOLIDATED: FeedStyle = {
  quoteExchanges: ["P", "Q", "N", "Z", "K", "U", "V", "Y", "J", "B"],
  tradeExchanges: ["Q", "P", "N", "Z", "K", "U", "V", "H", "M", "X"],
  spreadFactor: 1,
  delaySeconds: 0,
};

const IEX: FeedStyle = {
  quoteExchanges: ["V"],
  tradeExchanges: ["V"],
  spreadFactor: 4,
  delaySeconds: 0,
};

const OVERNIGHT: FeedStyle = {
  quoteExchanges: ["D"],
  tradeExchanges: ["D"],
  tape: "N",
  spreadFactor: 6,
  delaySeconds: 0,
};

const FIFTEEN_MINUTES = 15 * 60;

/** The style of a stock feed. */
export function feedStyle(endpoint: EndpointName): FeedStyle {
  if (endpoint === "iex") return IEX;
  if (endpoint === "boats") return OVERNIGHT;
  if (endpoint === "overnight") {
    return { ...OVERNIGHT, delaySeconds: FIFTEEN_MINUTES };
  }
  if (endpoint === "delayed_sip") {
    return { ...CONSOLIDATED, delaySeconds: FIFTEEN_MINUTES };
  }
  return CONSOLIDATED;
}

/** Trade conditions of one tape by what kind of trade it is. */
export interface TradeConditions {
  readonly regular: readonly string[];
  readonly oddLot: readonly string[];
  readonly sweep: readonly string[];
  readonly oddSweep: readonly string[];
  readonly extended: readonly string[];
  readonly extendedOddLot: readonly string[];
  readonly late: readonly string[];
}

function conditions(regular: string): TradeConditions {
  return {
    regular: [regular],
    oddLot: [regular, "I"],
    sweep: [regular, "F"],
    oddSweep: [regular, "F", "I"],
    extended: [regular, "T"],
    extendedOddLot: [regular, "T", "I"],
    late: [regular, "Z"],
  };
}

const CTS = conditions(" ");
const UTP = conditions("@");

/** The conditions of an issue's tape: CTS for A and B, UTP for C. */
export function tradeConditions(issue: Issue): TradeConditions {
  return issue.tape === "C" ? UTP : CTS;
}

/** Condition of a regular two-sided quote on every tape. */
export const REGULAR_QUOTE: readonly string[] = ["R"];
