/**
 * Checks whether a new stream fits into the symbol quota of a feed and into the share of its
 * identity.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Holder, ShareExcess } from "../../domain/subscription/identity_shares.ts";
import type { Pair } from "../../domain/subscription/pairs.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import { namedSlotsInUse } from "./report_subscriptions.ts";

/** What a new stream exceeds: the quota (`kind` absent), or what is left for its identity. */
interface QuotaExcess extends Partial<Pick<ShareExcess, "kind" | "identity">> {
  readonly feed: FeedId;
  /** Pairs of channel and symbol that are allowed: by the plan, or to the identity. */
  readonly limit: number;
  /** Pairs that open streams already name, also those of other edges. */
  readonly used: number;
  /** Pairs that the new stream would add. */
  readonly requested: number;
}

/**
 * A new stream requests more symbols than the quota has left, or than are left for its identity. It
 * is not opened, and open streams are not affected.
 */
export class QuotaExceeded extends Error {
  override readonly name = "QuotaExceeded";
  readonly excess: QuotaExcess;

  constructor(excess: QuotaExcess) {
    super(describe(excess));
    this.excess = excess;
  }
}

function describe({ feed, kind, limit, used, requested }: QuotaExcess): string {
  if (kind === undefined) {
    return `The ${feed} symbol quota is exceeded by ${used + requested - limit}: ` +
      `${limit} allowed, ${used} used, ${requested} more requested`;
  }
  const name = kind === "share"
    ? `The share of the identity in the ${feed} symbol quota`
    : `What other identities leave of the ${feed} symbol quota`;
  const left = Math.max(0, limit - used);
  return `${name} is exceeded by ${used + requested - limit}: the identity uses ${used} of ` +
    `${limit} slots, ${left} are left, ${requested} more requested`;
}

/** Returns what a new stream with these pairs exceeds; `undefined` for nothing. */
export function excessOf(
  { refCounts, quota, shares, ...rest }: Subscriptions,
  pairs: readonly Pair[],
  holder: Holder = { identity: "" },
): Omit<QuotaExcess, "feed"> | undefined {
  const { limit } = quota;
  if (limit === undefined) return undefined;
  const ofIdentity = shares?.check(holder, pairs);
  // A reservation is granted also where a limit that was learned late is exceeded by others.
  // Without reservations the pool is the whole quota.
  if (shares?.hasReservations || ofIdentity?.kind === "share") return ofIdentity;
  const requested = pairs.filter((pair) => quota.usesSlot(pair) && !refCounts.isNamed(pair)).length;
  if (requested === 0) return undefined;
  const used = namedSlotsInUse({ refCounts, quota, shares, ...rest });
  if (used + requested <= limit) return undefined;
  const others = quota.usedByOthers;
  return { limit: limit + others, used: used + others, requested };
}
