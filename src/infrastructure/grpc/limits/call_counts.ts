/**
 * Limits the calls that are open at a time, over all connections and protocols: streaming ones, and
 * beside them a reserve of unary ones (status, health).
 *
 * With an access policy, calls that need no identity (health) are counted apart, in all and per
 * address block, so that clients without an identity leave the rest to those that have one. An
 * identity has a part of the unary calls, so that it leaves acknowledgements and administration to
 * the others.
 *
 * @module
 */
import { addressBlock } from "../../../domain/limits/address_block.ts";
import { type CallError, exhausted } from "../call_error.ts";
import { KeyedCounts, type OnOver } from "./keyed_counts.ts";
import type { RefusalLog } from "./refusals.ts";

/** Unary calls that may be open beside the streaming ones, in all and of one identity. */
const UNARY = { total: 1_000, perKey: 250 } as const;
/** Calls without an identity while there is a policy, in all and of one address block. */
const WITHOUT_IDENTITY = {
  streaming: { total: 400, perKey: 100 },
  unary: { total: 200, perKey: 50 },
} as const;

/** How requests and responses of a method alternate. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** Counts open calls. */
export class CallCounts {
  readonly #maxStreams: number;
  readonly #refusals: RefusalLog;
  #streaming = 0;
  readonly #verifying: KeyedCounts;
  readonly #unary = new KeyedCounts(UNARY);
  readonly #withoutIdentity = {
    streaming: new KeyedCounts(WITHOUT_IDENTITY.streaming),
    unary: new KeyedCounts(WITHOUT_IDENTITY.unary),
  };

  /** @param maxStreams streaming calls at a time */
  constructor(maxStreams: number, refusals: RefusalLog) {
    this.#maxStreams = maxStreams;
    this.#refusals = refusals;
    this.#verifying = new KeyedCounts({ total: maxStreams, perKey: Math.ceil(maxStreams / 2) });
  }

  /**
   * Counts a call until it is over: one of an identity, or any where there is no policy.
   *
   * @param kind of its method; `undefined` for one that is not known
   * @param onOver registers the listener for the end of the call
   * @param identity of its client; "" without one
   * @returns why the call is refused; `undefined` when it is not
   */
  open(
    kind: MethodKind | undefined,
    peer: string,
    onOver: OnOver,
    identity: string = "",
  ): CallError | undefined {
    return this.#report(
      peer,
      isUnary(kind) ? this.#openUnary(onOver, identity) : this.#openStreaming(onOver),
    );
  }

  /**
   * Counts a call that needs no identity although there is a policy, until it is over.
   *
   * @param address of the client, without its port
   * @returns why the call is refused; `undefined` when it is not
   */
  openWithoutIdentity(
    kind: MethodKind | undefined,
    peer: string,
    address: string,
    onOver: OnOver,
  ): CallError | undefined {
    const [what, counts] = isUnary(kind)
      ? ["unanswered unary calls", this.#withoutIdentity.unary] as const
      : ["open streams", this.#withoutIdentity.streaming] as const;
    const excess = counts.open(addressBlock(address), onOver);
    if (excess === undefined) return undefined;
    const { limit, open } = excess;
    const text = limit === "perKey"
      ? `The address has ${open} ${what} without an identity, as many as the proxy accepts`
      : `The proxy has ${open} ${what} without an identity, as many as it accepts`;
    return this.#report(peer, exhausted(`${what} without an identity`, text, "retry later"));
  }

  /**
   * Counts a call of which the token is being verified; it is not counted as open yet.
   *
   * @param address of the client, without its port; its block may have half of these calls
   * @returns what ends this; or why the call is refused
   */
  beginVerifying(peer: string, address: string): CallError | (() => void) {
    let end = () => {};
    const excess = this.#verifying.open(addressBlock(address), (listener) => end = listener);
    if (excess === undefined) return end;
    const { limit, open } = excess;
    const text = limit === "perKey"
      ? `The proxy verifies the tokens of ${open} calls of the address, half of ` +
        "STREAM_PROXY_MAX_STREAMS"
      : `The proxy verifies the tokens of ${open} calls, as many as ` +
        "STREAM_PROXY_MAX_STREAMS allows";
    this.#refusals.report("streams", peer, text);
    return exhausted("calls whose token is verified", text, "retry later");
  }

  #report(peer: string, excess: CallError | undefined): CallError | undefined {
    if (excess) this.#refusals.report("streams", peer, excess.message);
    return excess;
  }

  #openUnary(onOver: OnOver, identity: string): CallError | undefined {
    const excess = this.#unary.open(identity, onOver);
    if (excess === undefined) return undefined;
    const { limit, open } = excess;
    const text = limit === "perKey"
      ? `The identity has ${open} unanswered unary calls, as many as one may have`
      : `The proxy has ${open} unanswered unary calls, as many as it accepts`;
    return exhausted("unary calls", text, "retry later");
  }

  #openStreaming(onOver: OnOver): CallError | undefined {
    if (this.#streaming >= this.#maxStreams) {
      const text = `The proxy has ${this.#streaming} open streams, as many as ` +
        "STREAM_PROXY_MAX_STREAMS allows";
      return exhausted("streams", text, "close streams or raise it");
    }
    this.#streaming++;
    onOver(() => this.#streaming--);
    return undefined;
  }
}

function isUnary(kind: MethodKind | undefined): boolean {
  return kind === "unary" || kind === undefined;
}
