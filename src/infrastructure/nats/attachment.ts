/**
 * The attachment of one session to the hub: how it begins, and how it is renewed, so that the hub
 * keeps what the edge has subscribed.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import type { FeedFailure } from "../../domain/connection/failure.ts";
import { closed, noHub } from "./hub_failures.ts";
import type { HubLink } from "./hub_link.ts";
import {
  type AttachReply,
  type AttachRequest,
  encodeAttach,
  readAttachReply,
} from "./hub_protocol.ts";
import { NoAnswer, NoHub } from "./hub_requests.ts";

const REPLY_MS = 2_000;
/** The same after the loss of the connection, which may be lost again with the request, in ms. */
const CONFIRM_MS = 500;
/** Pause before the next request while another hub is about to take over, in ms. */
const TAKEOVER_PAUSE_MS = 50;
/** Interval in which an edge renews its subscriptions at the hub, in ms. */
const KEEP_ALIVE_MS = 2_000;
/** Unanswered ones in a row that end the session: by then the hub may have forgotten the edge. */
const MAX_UNANSWERED = 3;

/** What a session has of the hub. */
type Held = NonNullable<AttachRequest["held"]>;

/** What an attachment needs of its session. */
interface AttachmentOptions {
  readonly feed: FeedId;
  readonly kind: FeedKind;
  readonly link: Pick<HubLink, "edge" | "request" | "expectsTakeover">;
  readonly clock: Clock;
  /** What the hub is asked to confirm. */
  readonly held: () => Held;
  /** States that have arrived without a request. */
  readonly states: () => number;
  /** Calls an action after what has arrived before. */
  readonly inOrder: (action: () => void) => void;
  /** The hub has confirmed the session. */
  readonly onConfirmed: (reply: AttachReply) => void;
  /** Ends the session. */
  readonly fail: (failure: FeedFailure) => void;
  /** Fires when the session has ended. */
  readonly signal: AbortSignal;
}

/** Attaches a session to the hub. */
export class Attachment {
  readonly #options: AttachmentOptions;
  #unanswered = 0;

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /** Begins a session at whichever hub has the lease; `onReply` is called unless that fails. */
  begin(onReply: (reply: AttachReply) => void): void {
    const { link, fail, signal } = this.#options;
    this.#request(undefined, (reply) => {
      if (signal.aborted) return;
      if (reply instanceof NoHub && link.expectsTakeover) {
        // Until another hub has taken over each attempt to open a session would fail.
        void this.#later(() => this.begin(onReply));
      } else if (reply instanceof NoAnswer) fail(noHub(reply));
      else onReply(reply);
    });
  }

  /** Renews the attachment every two seconds until the session ends. */
  async keep(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(KEEP_ALIVE_MS, signal);
      this.renew();
    }
  }

  /** Sends what the session has of the hub; the hub answers whether it has the same. */
  renew(): void {
    const { held, inOrder, signal } = this.#options;
    if (signal.aborted) return;
    this.#request(held(), (reply) => inOrder(() => this.#onRenewed(reply)));
  }

  /**
   * Asks whether the hub still has the session, before what has arrived is handled: after the loss
   * of the connection it may be from a hub that has started since, with the same term.
   */
  confirm(onConfirmed: () => void): void {
    const { clock } = this.#options;
    this.#confirmBefore(clock.monotonic() + REPLY_MS, onConfirmed);
  }

  #confirmBefore(deadline: number, onConfirmed: () => void): void {
    const { held, inOrder, fail, clock, signal } = this.#options;
    if (signal.aborted) return;
    const onReply = (reply: AttachReply | NoAnswer) => {
      if (signal.aborted) return;
      if (reply instanceof NoAnswer && clock.monotonic() < deadline) {
        // NATS may not know yet that the hub is connected again.
        return void this.#later(() => this.#confirmBefore(deadline, onConfirmed));
      }
      if (reply instanceof NoAnswer) return fail(noHub(reply));
      const failure = this.#mismatch(reply);
      if (failure) return fail(failure);
      onConfirmed();
      inOrder(() => this.#onRenewed(reply));
    };
    this.#request(held(), onReply, CONFIRM_MS);
  }

  #onRenewed(reply: AttachReply | NoAnswer): void {
    const { states, fail, onConfirmed } = this.#options;
    if (reply instanceof NoAnswer) {
      if (++this.#unanswered >= MAX_UNANSWERED) fail(noHub(reply));
      return;
    }
    this.#unanswered = 0;
    const failure = this.#mismatch(reply);
    if (failure) return fail(failure);
    // What the hub has sent before its reply has arrived before it.
    if (reply.states !== undefined && reply.states !== states()) {
      return fail(closed("A state from the hub is missing"));
    }
    onConfirmed(reply);
  }

  /** Why the hub does not continue the session. */
  #mismatch({ term, isKnown, reason }: AttachReply): FeedFailure | undefined {
    if (term === this.#options.held().term && isKnown) return undefined;
    return closed(reason || "The hub does not know this edge any more");
  }

  async #later(action: () => void): Promise<void> {
    const { clock, signal } = this.#options;
    await clock.sleep(TAKEOVER_PAUSE_MS, signal);
    if (!signal.aborted) action();
  }

  #request(
    held: Held | undefined,
    onReply: (reply: AttachReply | NoAnswer) => void,
    timeoutMs = REPLY_MS,
  ): void {
    const { link, feed, kind } = this.#options;
    link.request("attach", encodeAttach({ edge: link.edge, feed, kind, held }), {
      timeoutMs,
      read: readAttachReply,
      onReply,
    });
  }
}
