/**
 * The causes for which option chains are loaded, with their pauses.
 *
 * @module
 */

const MINUTE_MS = 60_000;

/**
 * Why a chain is loaded: the cause in the log, and the least ms since the load
 * before. The pause doubles from `firstMs` to `longestMs` with each reload that
 * changed nothing.
 */
export const LOAD_CAUSES = {
  firstUse: { label: "first use", firstMs: 0, longestMs: 0 },
  newDay: { label: "new exchange day", firstMs: 0, longestMs: 0 },
  morning: { label: "morning", firstMs: 0, longestMs: 0 },
  contractMissing: {
    label: "a requested contract is not in the chain",
    firstMs: 0,
    longestMs: 15 * MINUTE_MS,
  },
  selectionEmpty: {
    label: "a selection is empty",
    firstMs: MINUTE_MS,
    longestMs: 10 * MINUTE_MS,
  },
  emptyAfterClose: {
    label: "a selection is empty after the close",
    firstMs: MINUTE_MS,
    longestMs: 120 * MINUTE_MS,
  },
  priceOutside: {
    label: "an expiry has no strikes on both sides of the price",
    firstMs: MINUTE_MS,
    longestMs: 10 * MINUTE_MS,
  },
  priceMoved: {
    label: "the price has moved by 10 percent",
    firstMs: MINUTE_MS,
    longestMs: 10 * MINUTE_MS,
  },
  noContracts: {
    label: "no contracts were listed",
    firstMs: 5 * MINUTE_MS,
    longestMs: 5 * MINUTE_MS,
  },
  openedEmpty: {
    label: "a stream has opened on an empty chain",
    firstMs: MINUTE_MS / 2,
    longestMs: MINUTE_MS / 2,
  },
  unconfirmed: {
    label: "the list is not confirmed",
    firstMs: 3 * MINUTE_MS,
    longestMs: 24 * MINUTE_MS,
  },
  shrunk: { label: "the list is shorter", firstMs: MINUTE_MS, longestMs: 15 * MINUTE_MS },
  routine: {
    label: "options trade, and more may be listed",
    firstMs: 60 * MINUTE_MS,
    longestMs: 60 * MINUTE_MS,
  },
} as const;

/** One of {@linkcode LOAD_CAUSES}. */
export type LoadCause = keyof typeof LOAD_CAUSES;

/** Loads that come with the time of day. */
export const IS_SCHEDULED: ReadonlySet<LoadCause> = new Set(["firstUse", "newDay", "morning"]);

/** Reloads that selections cause. */
export const IS_OF_SELECTION: ReadonlySet<LoadCause> = new Set([
  "selectionEmpty",
  "emptyAfterClose",
  "priceOutside",
  "priceMoved",
]);
