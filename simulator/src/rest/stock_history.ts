/**
 * `/v2/stocks/{trades,quotes,bars}`: what the simulator remembers of a time
 * span, by symbol and then by time, in pages.
 *
 * @module
 */
import { checkStockFeed } from "./data_feed.ts";
import type { HistoryEntry, HistoryKind } from "./market_history.ts";
import { cutPage } from "./page.ts";
import { ok } from "./replies.ts";
import { type RestContext, type Route, route } from "./rest_context.ts";
import { badParameter } from "./rest_error.ts";

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;
const KINDS: readonly HistoryKind[] = ["trades", "quotes", "bars"];

/** The endpoints of stock history. */
export const stockHistoryRoutes: readonly Route[] = KINDS.map((kind) =>
  route("GET", `/v2/stocks/${kind}`, (context) => ok(list(context, kind)))
);

interface Row {
  readonly key: string;
  readonly symbol: string;
  readonly element: HistoryEntry["element"];
}

function list(context: RestContext, kind: HistoryKind) {
  const { query, deps } = context;
  const feed = checkStockFeed(context);
  const history = feed === "otc" ? undefined : deps.historyOf?.(feed);
  if (kind === "bars") checkTimeframe(context);
  const symbols = query.requiredSymbols("symbols").sort();
  const start = query.instant("start");
  const end = query.instant("end");
  const sort = query.word("sort", ["asc", "desc"]) ?? "asc";
  const rows = symbols.flatMap((symbol, place) => {
    const entries = (history?.entries(kind, symbol) ?? [])
      .filter(({ at }) =>
        (start === undefined || at >= start) && (end === undefined || at <= end)
      );
    if (sort === "desc") entries.reverse();
    return entries.map((entry, index): Row => ({
      key: rowKey({ place, entry, index, entries, sort }),
      symbol,
      element: entry.element,
    }));
  });
  const page = cutPage(rows, {
    limit: query.count("limit", { fallback: DEFAULT_LIMIT, max: MAX_LIMIT }),
    token: query.text("page_token"),
    keyOf: ({ key }) => key,
  });
  const found: Record<string, unknown[]> = {};
  for (const { symbol, element } of page.items) {
    (found[symbol] ??= []).push(element);
  }
  return { [kind]: found, next_page_token: page.nextPageToken };
}

/**
 * Grows along the list whichever way time is sorted: place of the symbol,
 * time, then a number among elements of the same time.
 */
function rowKey(
  { place, entry, index, entries, sort }: {
    place: number;
    entry: HistoryEntry;
    index: number;
    entries: HistoryEntry[];
    sort: "asc" | "desc";
  },
): string {
  let first = index;
  while (first > 0 && entries[first - 1]?.at === entry.at) first--;
  const time = sort === "asc" ? entry.at : 10n ** 19n - entry.at;
  return [
    String(place).padStart(5, "0"),
    String(time).padStart(20, "0"),
    String(index - first).padStart(5, "0"),
  ].join(" ");
}

function checkTimeframe({ query }: RestContext): void {
  const frame = query.text("timeframe");
  if (frame === undefined) throw badParameter("timeframe", "it is required");
  if (frame !== "1Min" && frame !== "1T") {
    throw badParameter("timeframe", "only 1Min bars are remembered");
  }
}
