/**
 * What a hub and its edges ask each other, and the answers.
 *
 * @module
 */
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import type { Action, Pair, SymbolSets, UpstreamError } from "../../domain/subscription/pairs.ts";
import type { HubQuota } from "../../domain/subscription/quota.ts";
import type { RestPurpose } from "../status/counters.ts";

/**
 * A session of an edge begins (`held` absent: the hub forgets what this edge has subscribed on the
 * feed), or continues: sent every two seconds.
 */
export interface AttachRequest {
  /**
   * A name that the process of the edge has chosen at random: letters, digits, `-` and `_`. What
   * follows the first `-` is secret (`edge_name.ts`).
   */
  readonly edge: string;
  readonly feed: FeedId;
  /** The product that the edge is configured for. */
  readonly kind: FeedKind;
  /** What a session that continues believes that the hub has of it. */
  readonly held?: {
    readonly term: bigint;
    /**
     * `PairDigest` of what it has subscribed; absent while a request is in flight.
     */
    readonly digest?: string | undefined;
  } | undefined;
}

/** The answer to {@linkcode AttachRequest}. */
export interface AttachReply {
  /** Term of the hub's lease, which the batches have too. */
  readonly term: bigint;
  /** Number of the next entry of the feed. */
  readonly next: number;
  /** Wall clock ms of the hub: what it receives from now on has at least this number and time. */
  readonly at: number;
  /** Whether the hub has a session with Alpaca; if not, `up` follows on the subject of the feed. */
  readonly isUp: boolean;
  /**
   * False when the hub does not have what the request says that it has, or serves another product:
   * the session of the edge ends.
   */
  readonly isKnown: boolean;
  /** The product that the hub is configured for; absent when it does not have the feed. */
  readonly kind: FeedKind | undefined;
  /** Why there is no session or the request is refused; otherwise "". */
  readonly reason: string;
  /** How many {@linkcode EdgeState}s the session was sent; absent where it is not known. */
  readonly states?: number | undefined;
  /** Whether NATS retains what the hub publishes. @default it does not */
  readonly isRetained?: boolean | undefined;
  /** What other edges use of the limit of the feed; absent while the hub knows no limit. */
  readonly quota?: HubQuota | undefined;
}

/** Subscribes or unsubscribes pairs for one edge. */
export interface SubscribeRequest {
  readonly edge: string;
  readonly feed: FeedId;
  /** Term of the session. */
  readonly term: bigint;
  readonly action: Action;
  /** Empty for a probe. */
  readonly pairs: readonly Pair[];
}

/** What is carried for an edge. */
interface CarriedState {
  readonly state: SymbolSets;
  /** Wall clock ms of the hub at which upstream last began to carry something on the feed. */
  readonly since: number;
}

/**
 * The answer to {@linkcode SubscribeRequest}, as Alpaca's: everything of this edge that is carried,
 * or why the request was rejected; then none of its pairs is subscribed. `pair`: the one that was
 * rejected, if it is known. `unknown`: the hub has no session of this edge and term, which ends.
 */
export type SubscribeReply =
  | CarriedState
  | { readonly error: UpstreamError; readonly pair?: Pair | undefined }
  | { readonly unknown: true };

/** A whole order book, for one edge. */
export interface WholeBook {
  readonly symbol: string;
  /** A frame as Alpaca would send it. */
  readonly frame: string;
}

/** What is carried for an edge has changed without a request of it. */
export interface EdgeState extends CarriedState {
  readonly feed: FeedId;
  readonly term: bigint;
  /**
   * The whole order book of a pair, for which Alpaca sends changes only because other edges have
   * subscribed it before. @default none
   */
  readonly book?: WholeBook | undefined;
}

/** What other edges use of a limit has changed, or the limit; `undefined`: there is none. */
export interface EdgeQuota {
  readonly feed: FeedId;
  readonly term: bigint;
  readonly quota: HubQuota | undefined;
}

/** The REST APIs of Alpaca. */
export type RestApi = "data" | "trading";

/** A GET request that the hub sends with its credentials. */
export interface RestRequest {
  readonly edge: string;
  readonly api: RestApi;
  /** Begins with a slash. */
  readonly path: string;
  /** Without a question mark. */
  readonly query: string;
  readonly purpose: RestPurpose;
}

/**
 * The answer to {@linkcode RestRequest}; there is no session, so it may come from any hub. `busy`:
 * too many requests are in flight, the same can be sent again later.
 */
export type RestReply =
  | {
    /** The body of the response, which is JSON. */
    readonly body: string;
    /** Wall clock ms that the response of Alpaca names, in whole seconds; 0: none. */
    readonly serverTime: number;
  }
  | { readonly error: { readonly message: string; readonly status?: number | undefined } }
  | { readonly busy: true };
