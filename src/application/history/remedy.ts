import type { ApiUnavailable } from "../ports/api_unavailable.ts";

/** What an operator can do about requests for market data that fail. */
export function remedyOf({ status }: Pick<ApiUnavailable, "status">): string {
  switch (status) {
    case 401:
      return "Check ALPACA_KEY and ALPACA_SECRET (or ALPACA_DATA_KEY and ALPACA_DATA_SECRET)";
    case 403:
      return "Check the key pair, and that the plan includes ALPACA_FEED and ALPACA_OPTIONS_FEED";
    case 429:
      return "Reduce other requests with this account, or use a plan with more requests a minute";
    default:
      return "If this persists, check the network and ALPACA_DATA_API_URL";
  }
}
