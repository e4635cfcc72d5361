/**
 * Converts the subscriptions of one feed for the status.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ChannelReport,
  ExpansionReport,
  FeedSubscriptions,
  QuotaReport,
  SymbolReport,
  SymbolState as DomainSymbolState,
} from "../../../application/status/subscription_report.ts";
import {
  ExpansionState,
  type FeedSubscriptionsSchema,
  SymbolState,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";

type Message = Exclude<
  MessageInitShape<typeof FeedSubscriptionsSchema>,
  { readonly $typeName: string }
>;
type Entry<K extends "channels" | "expansions"> = NonNullable<
  Message[K]
>[number];
type SymbolEntry = NonNullable<
  Exclude<Entry<"channels">, { readonly $typeName: string }>["symbols"]
>[number];

/** Schema values of the states of a symbol. */
export const SYMBOL_STATES: Readonly<Record<DomainSymbolState, SymbolState>> = {
  acknowledged: SymbolState.ACKNOWLEDGED,
  requested: SymbolState.REQUESTED,
  waiting: SymbolState.WAITING,
  refused: SymbolState.REFUSED,
  lingering: SymbolState.LINGERING,
};

/** Schema values of the states of an expansion. */
export const EXPANSION_STATES: Readonly<
  Record<ExpansionReport["state"], ExpansionState>
> = {
  loading: ExpansionState.LOADING,
  ready: ExpansionState.READY,
  off: ExpansionState.OFF,
};

/** Returns a `FeedSubscriptions`. */
export function subscriptionsOf(report: FeedSubscriptions): Message {
  return {
    channels: report.channels.map(channelOf),
    budget: budgetOf(report.quota),
    expansions: report.expansions.map(expansionOf),
  };
}

function channelOf(
  { channel, symbols, unfiltered }: ChannelReport,
): Entry<"channels"> {
  return {
    channel,
    symbols: symbols.map(symbolOf),
    unfilteredStreams: unfiltered,
  };
}

function symbolOf(
  { symbol, state, streams, reason }: SymbolReport,
): SymbolEntry {
  return {
    symbol,
    state: SYMBOL_STATES[state],
    streams,
    ...(reason !== undefined && { reason }),
  };
}

function budgetOf({ limit, learned, used }: QuotaReport) {
  return { ...(limit !== undefined && { limit }), learned, used };
}

function expansionOf(
  { state, reason, centre, ...same }: ExpansionReport,
): Entry<"expansions"> {
  return {
    ...same,
    state: EXPANSION_STATES[state],
    ...(reason !== undefined && { reason }),
    ...(centre !== undefined && { centre }),
  };
}
