/** The error codes of Alpaca's market-data streams with their exact texts. */
export const ERROR_TEXTS = {
  400: "invalid syntax",
  401: "not authenticated",
  402: "auth failed",
  403: "already authenticated",
  404: "auth timeout",
  405: "symbol limit exceeded",
  406: "connection limit exceeded",
  407: "slow client",
  408: "v2 not enabled",
  409: "insufficient subscription",
  410: "invalid subscribe action for this feed",
  411: "insufficient scope",
  412: "option messages are only available in MsgPack format",
  413: "star subscription is not allowed for option quotes",
  500: "internal error",
} as const;

/** A documented error code of the market-data streams. */
export type ErrorCode = keyof typeof ERROR_TEXTS;

/** The exact text of a code; an undocumented one reads "internal error". */
export function errorText(code: number): string {
  return code in ERROR_TEXTS
    ? ERROR_TEXTS[code as ErrorCode]
    : ERROR_TEXTS[500];
}

/**
 * Errors after which the simulator closes the socket. Only 404 and 407 are
 * documented; the others are refusals that no client can mend on the same
 * socket. `closingErrors` in the options replaces this list.
 */
export const CLOSING_ERRORS: readonly number[] = [402, 404, 407, 409, 411];
