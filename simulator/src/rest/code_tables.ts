/**
 * The codes of exchanges and conditions that Alpaca's market data uses, with
 * their meaning; the same letter means different things on different tapes.
 *
 * @module
 */

/** A map from code to text. */
export type CodeTable = Readonly<Record<string, string>>;

/** Codes by the plan that consolidates a tape: CTA (A, B) or UTP (C). */
export interface TapeTables {
  readonly cta: CodeTable;
  readonly utp: CodeTable;
}

/** Stock exchanges. */
export const STOCK_EXCHANGES: CodeTable = {
  A: "NYSE American (AMEX)",
  B: "NASDAQ OMX BX",
  C: "National Stock Exchange",
  D: "FINRA ADF",
  E: "Market Independent",
  H: "MIAX",
  I: "International Securities Exchange",
  J: "Cboe EDGA",
  K: "Cboe EDGX",
  L: "Long Term Stock Exchange",
  M: "Chicago Stock Exchange",
  N: "New York Stock Exchange",
  P: "NYSE Arca",
  Q: "NASDAQ OMX",
  S: "NASDAQ Small Cap",
  T: "NASDAQ Int",
  U: "Members Exchange",
  V: "IEX",
  W: "CBOE",
  X: "NASDAQ OMX PSX",
  Y: "Cboe BYX",
  Z: "Cboe BZX",
};

/** Option exchanges. */
export const OPTION_EXCHANGES: CodeTable = {
  A: "AMEX",
  B: "BOX",
  C: "CBOE",
  D: "MIAX Emerald",
  E: "Cboe EDGX",
  H: "Nasdaq GEMX",
  I: "Nasdaq ISE",
  J: "Nasdaq MRX",
  M: "MIAX",
  N: "NYSE Arca",
  O: "OPRA",
  P: "MIAX Pearl",
  Q: "Nasdaq",
  S: "MIAX Sapphire",
  T: "Nasdaq BX",
  U: "MEMX",
  W: "Cboe C2",
  X: "Nasdaq PHLX",
  Z: "Cboe BZX",
};

const SHARED_TRADE: CodeTable = {
  C: "Cash Sale",
  F: "Intermarket Sweep",
  H: "Price Variation Trade",
  I: "Odd Lot Trade",
  L: "Sold Last",
  M: "Market Center Official Close",
  N: "Next Day",
  P: "Prior Reference Price",
  Q: "Market Center Official Open",
  R: "Seller",
  U: "Extended Hours (Sold Out of Sequence)",
  V: "Contingent Trade",
  X: "Cross Trade",
  Z: "Sold (Out of Sequence)",
  4: "Derivatively Priced",
  5: "Market Center Reopening Trade",
  6: "Market Center Closing Trade",
  7: "Qualified Contingent Trade",
  9: "Corrected Consolidated Close",
};

/** Conditions of stock trades. */
export const TRADE_CONDITIONS: TapeTables = {
  cta: {
    ...SHARED_TRADE,
    " ": "Regular Sale",
    B: "Average Price Trade",
    E: "Automatic Execution",
    K: "Rule 127 (NYSE) or Rule 155 (NYSE American)",
    O: "Market Center Opening Trade",
    T: "Extended Hours Trade",
  },
  utp: {
    ...SHARED_TRADE,
    "@": "Regular Sale",
    A: "Acquisition",
    B: "Bunched Trade",
    D: "Distribution",
    G: "Bunched Sold Trade",
    K: "Rule 155 Trade (AMEX)",
    O: "Opening Prints",
    S: "Split Trade",
    T: "Form T",
    W: "Average Price Trade",
    Y: "Yellow Flag Regular Trade",
    1: "Stopped Stock (Regular Trade)",
  },
};

/** Conditions of stock quotes. */
export const QUOTE_CONDITIONS: TapeTables = {
  cta: {
    A: "Slow Quote Offer Side",
    B: "Slow Quote Bid Side",
    C: "Closing",
    L: "Closed Market Maker",
    N: "Non Firm",
    O: "Opening",
    R: "Regular",
    U: "Slow Quote LRP Bid",
    W: "Slow Quote Set Slow List",
    4: "Slow Quote Intraday Auction",
  },
  utp: {
    A: "Manual Ask Automated Bid",
    B: "Manual Bid Automated Ask",
    F: "Fast Trading",
    H: "Manual Bid And Ask",
    I: "Order Imbalance",
    L: "Closed Quote",
    N: "Non Firm Quote",
    O: "Opening Quote Automated",
    R: "Regular Two Sided Open",
    U: "Manual Bid And Ask Non Firm",
    X: "Order Influx",
    Y: "Regular One Sided Open",
    Z: "No Open No Resume",
    4: "On Demand Intra Day Auction",
  },
};

/** Conditions of option trades. */
export const OPTION_TRADE_CONDITIONS: CodeTable = {
  A: "CANC - Cancelled",
  B: "OSEQ - Out of sequence",
  D: "LATE - Reported late",
  I: "AUTO - Electronic execution",
  J: "REOP - Reopening",
  S: "ISOI - Intermarket sweep order",
  a: "SLAN - Single leg auction non ISO",
  f: "MLET - Multi leg auto-electronic trade",
  g: "MLAT - Multi leg auction",
  j: "TLET - Stock options auto-electronic trade",
  u: "CBMO - Multi leg floor trade of proprietary products",
  v: "EXHT - Extended hours trade",
};

/** Conditions of option quotes. */
export const OPTION_QUOTE_CONDITIONS: CodeTable = { A: "Regular" };
