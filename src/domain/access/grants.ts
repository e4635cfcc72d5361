/**
 * Identities and what they may do.
 *
 * @module
 */
import { type FeedId, FEEDS } from "../connection/feed.ts";
import { Patterns } from "./patterns.ts";

/** Limits of one identity; those that are absent are the limits of the process. */
export interface IdentityLimits {
  /** Open streams. */
  readonly streams?: number;
  /** Symbols, underlyings or order ids of one stream. */
  readonly symbolsPerStream?: number;
  /** Symbols, underlyings and order ids of all its streams. */
  readonly symbols?: number;
  /** Slots of the plan's symbol quota that are kept free for it, by feed. */
  readonly reservedSlots?: Partial<Record<FeedId, number>>;
  /** Largest part of a feed's symbol quota that it may use, 0 to 1. */
  readonly maxShare?: number;
}

/** What an identity may do. */
export interface Grants {
  /** Feeds whose channels it may stream. */
  readonly feeds: ReadonlySet<FeedId>;
  /** Symbols that it may request; contracts also match by their underlying. */
  readonly symbols: Patterns;
  /** Methods of `StreamProxyService` that it may call, such as `StreamQuotes`. */
  readonly rpcs: Patterns;
  /** Whether it may stream order updates. */
  readonly orders: boolean;
  /** Whether it may call the administration service. */
  readonly admin: boolean;
  /** Its own limits. */
  readonly limits: IdentityLimits;
}

/** Who a client is. */
export interface Identity {
  /** Unique among all identities; `""` is {@linkcode ANONYMOUS}. */
  readonly name: string;
  readonly grants: Grants;
  /** How it was authenticated, for the audit log. @default not known */
  readonly credential?: "token" | "jwt" | "certificate";
  /** Epoch ms after which it is not valid; its streams end then. @default always valid */
  readonly expiresAt?: number;
}

/** Every client while authentication is off: it may do all but administration. */
export const ANONYMOUS: Identity = {
  name: "",
  grants: {
    feeds: new Set(FEEDS),
    symbols: Patterns.ALL,
    rpcs: Patterns.ALL,
    orders: true,
    admin: false,
    limits: {},
  },
};
