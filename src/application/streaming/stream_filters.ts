/**
 * What the filter of a stream accepts beside its keys, and how a report shows it.
 *
 * @module
 */
import type { OrderUpdate } from "../../domain/market/order_events.ts";
import type { ChannelFilter } from "../broadcast/channel_gaps.ts";
import type { RelayedStream } from "../relay/relayed_stream.ts";
import type { StreamReport } from "../status/reports.ts";
import type { StreamFilter } from "./market_streams.ts";
import { OnlySelected } from "./selections.ts";

/** Symbols and ids that a report shows of a filter; the others are counted. */
const SHOWN = 3;

/** What a stream has requested, as a report shows it. */
export type RequestReport = Pick<StreamReport, "filter" | "filterSize">;

/** Describes what a stream has requested. */
export function describeFilter(filter: StreamFilter): RequestReport {
  const names = [
    ...filter.symbols,
    ...(filter.underlyings ?? []).map((name) => `underlying ${name}`),
    ...(filter.orderIds ?? []).map((id) => `order ${id}`),
    ...(filter.clientOrderIdPrefixes ?? []).map((prefix) => `client order id ${prefix}…`),
    ...(filter.events ?? []).map((event) => `event ${event}`),
  ];
  const text = names.length === 0 ? "everything" : shorten(names.slice(0, SHOWN), names.length);
  return { filter: text, filterSize: sizeOf(filter) };
}

/** Describes the present subscriptions of a stream of messages. */
export function describeRelayed(stream: RelayedStream): RequestReport {
  const { size } = stream;
  const filter = size === 0 ? "nothing" : shorten([...stream.names().take(SHOWN)], size);
  return { filter, filterSize: size };
}

function shorten(names: readonly string[], count: number): string {
  const shown = names.join(", ");
  const others = count - names.length;
  return others > 0 ? `${shown} and ${others} more` : shown;
}

/** Symbols, underlyings and order ids of a filter. */
function sizeOf({ symbols, underlyings = [], orderIds = [] }: StreamFilter): number {
  return symbols.length + underlyings.length + orderIds.length;
}

/** Which contracts pass the filter of a stream that receives only those it names or selects. */
export function onlySelected(
  ...of: ConstructorParameters<typeof OnlySelected>
): Pick<ChannelFilter, "accepts" | "selected"> {
  const selected = new OnlySelected(...of);
  const accepts = (event: unknown) => selected.has((event as { readonly symbol: string }).symbol);
  return { accepts, selected };
}

/** Which order updates pass the filters beside the keys; `undefined` for all. */
export function acceptedOrders(
  { clientOrderIdPrefixes: prefixes = [], events = [] }: StreamFilter,
): ((update: unknown) => boolean) | undefined {
  if (prefixes.length + events.length === 0) return undefined;
  const words = new Set(events);
  return (update) => {
    const { event, order: { clientOrderId } } = update as OrderUpdate;
    if (words.size > 0 && !words.has(event)) return false;
    return prefixes.length === 0 || prefixes.some((prefix) => clientOrderId.startsWith(prefix));
  };
}
