/**
 * The subscriptions of one session of an edge at its hub: requests in flight, their replies, and
 * the states that the hub sends without a request.
 *
 * The hub answers requests in order, so a reply shows that an earlier request without one has lost
 * its reply, or was lost itself.
 *
 * @module
 */
import type { SubscriptionReplies } from "../../application/ports/feed_connector.ts";
import type { Pair, SubscriptionRequest } from "../../domain/subscription/pairs.ts";
import { HeldPairs } from "./held_pairs.ts";
import type { EdgeState, SubscribeReply } from "./hub_protocol.ts";
import { NoAnswer } from "./hub_requests.ts";

/** What the hub carries for this edge. */
type Carried = Pick<EdgeState, "state" | "since">;

/** A request without a reply yet. */
interface Sent extends Pick<SubscriptionRequest, "action"> {
  /** Those that it changes. */
  readonly pairs: readonly Pair[];
}

/** What receives the replies. */
interface HubSubscriptionsOptions {
  readonly acknowledged: (carried: Carried) => void;
  readonly rejected: SubscriptionReplies["rejected"];
  /** The hub has no session of this edge any more. */
  readonly onUnknown: () => void;
}

/** The requests of a session and what the hub has of it. */
export class HubSubscriptions {
  readonly #options: HubSubscriptionsOptions;
  readonly #held = new HeldPairs();
  /** In the order in which they were sent. */
  readonly #inFlight = new Map<number, Sent>();
  #sent = 0;
  #states = 0;
  /** A state that arrived while a request was in flight. */
  #pushed: Carried | undefined;

  constructor(options: HubSubscriptionsOptions) {
    this.#options = options;
  }

  /** Whether a request has no reply yet. */
  get isWaiting(): boolean {
    return this.#inFlight.size > 0;
  }

  /** States that have arrived without a request. */
  get states(): number {
    return this.#states;
  }

  /** Digest of what the hub has of this edge; `undefined` while that is not known. */
  get digest(): string | undefined {
    return this.isWaiting ? undefined : this.#held.digest;
  }

  /** Records a request that is sent; returns what has to be called with its reply. */
  begin(
    { action, pairs, probe }: SubscriptionRequest,
  ): (reply: SubscribeReply | NoAnswer) => void {
    const id = ++this.#sent;
    this.#inFlight.set(id, { action, pairs: probe ? [] : pairs });
    return (reply) => this.#onReply(id, reply);
  }

  /** Takes a state that no request has asked for; during a request it is not the reply to that. */
  push(state: EdgeState): void {
    this.#states++;
    this.#pushed = state;
    this.#flush();
  }

  #onReply(id: number, reply: SubscribeReply | NoAnswer): void {
    const sent = this.#inFlight.get(id);
    // A later one was answered.
    if (!sent) return;
    for (const [each, { action, pairs }] of this.#inFlight) {
      if (each > id) break;
      this.#inFlight.delete(each);
      if (each < id || reply instanceof NoAnswer) this.#held.unanswered(action, pairs);
    }
    // The manager repeats the request; the hub may have applied it.
    if (reply instanceof NoAnswer) return this.#flush();
    if ("unknown" in reply) return this.#options.onUnknown();
    if ("error" in reply) this.#options.rejected(reply.error, reply.pair);
    else {
      this.#held.applied(sent.action, sent.pairs, reply.state);
      this.#pushed = undefined;
      this.#options.acknowledged(reply);
    }
    this.#flush();
  }

  #flush(): void {
    const state = this.#pushed;
    if (!state || this.isWaiting) return;
    this.#pushed = undefined;
    this.#options.acknowledged(state);
  }
}
