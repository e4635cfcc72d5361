/**
 * Reports the subscriptions of one feed: the state of each symbol, and why a
 * symbol is not subscribed.
 *
 * @module
 */
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import {
  errorText,
  hasPair,
  type Pair,
  pairKey,
  UPSTREAM_CHANNELS,
  WILDCARD,
} from "../../domain/subscription/pairs.ts";
import type { ChannelReport, QuotaReport, SymbolReport } from "../status/reports.ts";

/** The state of a requested pair that is excluded from requests, and why. */
export interface PairState extends Pair {
  readonly state: "waiting" | "rejected";
  /** Upstream's error message, or why the pair waits. */
  readonly reason: string;
}

/** State of a contract after its last trading moment. */
export const ENDED_STATE = {
  state: "rejected",
  reason: "the contract does not trade any more",
} as const;

/** Why a stream without a filter is not subscribed to every symbol. */
const NO_WILDCARD = "* is not available; the symbols of other streams are received";

/**
 * Counts the slots that streams use or wait for. A rejected pair needs none,
 * unless the rejection is transient: then no other stream gets its slot.
 */
export function slotsInUse({ refCounts, quota, reconciler }: Subscriptions): number {
  const rejected = reconciler.rejections.filter((pair) =>
    !pair.isTransient && refCounts.streamsOf(pair) > 0
  );
  return quota.slotsOf(refCounts.pairs()) - quota.slotsOf(rejected);
}

/**
 * Counts the slots that symbols use or wait for which streams name; selected contracts yield
 * their slots to them.
 */
export function namedSlotsInUse(subscriptions: Subscriptions): number {
  const { refCounts, quota, reconciler } = subscriptions;
  if (!refCounts.hasSelectedOnly) return slotsInUse(subscriptions);
  const isNamed = (pair: Pair) => refCounts.isNamed(pair);
  const rejected = reconciler.rejections.filter((pair) => !pair.isTransient && isNamed(pair));
  const named = Iterator.from(refCounts.pairs()).filter(isNamed);
  return quota.slotsOf(named) - quota.slotsOf(rejected);
}

/** The pairs with a slot that streams name, each with the number of these streams, by pair. */
export function namedPairs(
  { refCounts, quota, reconciler }: Subscriptions,
): ReadonlyMap<string, Pair & { readonly named: number }> {
  const found = new Map<string, Pair & { readonly named: number }>();
  for (const pair of refCounts.pairs()) {
    if (pair.named > 0 && quota.usesSlot(pair)) found.set(pairKey(pair), pair);
  }
  for (const pair of reconciler.rejections) if (!pair.isTransient) found.delete(pairKey(pair));
  return found;
}

/** Reports the quota of a feed. */
export function reportQuota(subscriptions: Subscriptions): QuotaReport {
  const { limit, learned } = subscriptions.quota;
  return { limit, learned, used: slotsInUse(subscriptions) };
}

/** Summarizes what is requested but not subscribed; `undefined` if nothing. */
export function describeProblem(
  { quota, desired, reconciler: { rejections } }: Subscriptions,
): string | undefined {
  const [first] = rejections;
  if (first) {
    const { channel, symbol, error } = first;
    const others = rejections.length - 1;
    return `${errorText(error)}: ${channel} ${symbol}` +
      (others > 0 ? ` and ${others} more` : "");
  }
  const waiting = desired.waiting.length;
  if (waiting === 0) return undefined;
  const slots = slotsAvailable(quota);
  return `symbol limit exceeded: ${waiting} wait for one of ${slots} slots`;
}

/** Reports every symbol of the channels that are in use. */
export function reportChannels(subscriptions: Subscriptions): readonly ChannelReport[] {
  const { refCounts, desired, reconciler } = subscriptions;
  reconciler.refreshDesired();
  const statusOf = symbolStatuses(subscriptions);
  const reports = UPSTREAM_CHANNELS.map((channel) => {
    const symbols: SymbolReport[] = [];
    let unfiltered = 0;
    for (const pair of refCounts.symbols(channel).values()) {
      const { symbol, streams } = pair;
      if (symbol === WILDCARD && !desired.has(pair)) unfiltered = streams;
      else symbols.push({ symbol, streams, ...statusOf(pair) });
    }
    for (const { symbol, streams } of refCounts.ended(channel).values()) {
      symbols.push({ symbol, streams, ...ENDED_STATE });
    }
    for (const pair of refCounts.lingering()) {
      if (pair.channel !== channel || !hasPair(reconciler.acknowledged, pair)) continue;
      symbols.push({ symbol: pair.symbol, streams: 0, state: "lingering", reason: undefined });
    }
    return { channel, symbols, unfiltered };
  });
  return reports.filter(({ symbols, unfiltered }) => symbols.length + unfiltered > 0);
}

/**
 * Returns the requested pairs that are neither acknowledged nor about to be requested, by pair, as
 * of the last refresh of the desired set. Takes time in proportion to their number.
 */
export function excludedPairs(
  { refCounts, quota, desired, reconciler }: Subscriptions,
): ReadonlyMap<string, PairState> {
  const { acknowledged, rejections } = reconciler;
  const excluded = new Map<string, PairState>();
  const exclude = ({ channel, symbol }: Pair, state: PairState["state"], reason: string) => {
    const pair = { channel, symbol, state, reason };
    const key = pairKey(pair);
    if (excluded.has(key) || refCounts.streamsOf(pair) === 0) return;
    if (!hasPair(acknowledged, pair)) excluded.set(key, pair);
  };
  for (const pair of rejections) exclude(pair, "rejected", errorText(pair.error));
  const reason = `all ${slotsAvailable(quota)} slots are in use`;
  for (const pair of desired.waiting) exclude(pair, "waiting", reason);
  for (const channel of UPSTREAM_CHANNELS) {
    if (quota.allowsWildcard(channel)) continue;
    exclude({ channel, symbol: WILDCARD }, "rejected", NO_WILDCARD);
  }
  return excluded;
}

function symbolStatuses(
  subscriptions: Subscriptions,
): (pair: Pair) => Pick<SymbolReport, "state" | "reason"> {
  const excluded = excludedPairs(subscriptions);
  const { acknowledged } = subscriptions.reconciler;
  return (pair) => {
    if (hasPair(acknowledged, pair)) return { state: "acknowledged", reason: undefined };
    const { state = "requested", reason } = excluded.get(pairKey(pair)) ?? {};
    return { state, reason };
  };
}

/** Slots in force: the lower of the limit and what rejections have shown. */
function slotsAvailable({ ceiling, limit }: Subscriptions["quota"]): number | undefined {
  if (ceiling === undefined || limit === undefined) return ceiling ?? limit;
  return Math.min(ceiling, limit);
}
