/**
 * Limits the calls that are open at a time, over all connections and protocols: streaming ones, and
 * beside them a reserve of unary ones (status, health).
 *
 * With an access policy, calls that need no identity (health) are counted apart, in all and per
 * address block, so that clients without an identity leave the rest to those that have one.
 *
 * @module
 */
import { addressBlock } from "../../../domain/limits/address_block.ts";
import { type CallError, exhausted } from "../call_error.ts";
import type { RefusalLog } from "./refusals.ts";

/** Unary calls that may be open beside the streaming ones. */
const MAX_UNARY_CALLS = 1_000;
/** Calls without an identity while there is a policy, in all and of one address block. */
const WITHOUT_IDENTITY = {
  streaming: { total: 400, perBlock: 100 },
  unary: { total: 200, perBlock: 50 },
} as const;

/** How requests and responses of a method alternate. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** Registers the listener for the end of a call. */
type OnOver = (listener: () => void) => unknown;

/** Counts open calls. */
export class CallCounts {
  readonly #maxStreams: number;
  readonly #refusals: RefusalLog;
  #streaming = 0;
  #unary = 0;
  #verifying = 0;
  readonly #withoutIdentity = {
    streaming: new BlockCounts(WITHOUT_IDENTITY.streaming),
    unary: new BlockCounts(WITHOUT_IDENTITY.unary),
  };

  /** @param maxStreams streaming calls at a time */
  constructor(maxStreams: number, refusals: RefusalLog) {
    this.#maxStreams = maxStreams;
    this.#refusals = refusals;
  }

  /**
   * Counts a call until it is over: one of an identity, or any where there is no policy.
   *
   * @param kind of its method; `undefined` for one that is not known
   * @param onOver registers the listener for the end of the call
   * @returns why the call is refused; `undefined` when it is not
   */
  open(
    kind: MethodKind | undefined,
    peer: string,
    onOver: OnOver,
  ): CallError | undefined {
    return this.#report(
      peer,
      isUnary(kind) ? this.#openUnary(onOver) : this.#openStreaming(onOver),
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
    const text = counts.open(addressBlock(address), what, onOver);
    if (text === undefined) return undefined;
    return this.#report(peer, exhausted(`${what} without an identity`, text, "retry later"));
  }

  /**
   * Counts a call of which the token is being verified; it is not counted as open yet.
   *
   * @returns what ends this; or why the call is refused
   */
  beginVerifying(peer: string): CallError | (() => void) {
    if (this.#verifying >= this.#maxStreams) {
      const text = `The proxy verifies the tokens of ${this.#verifying} calls, as many as ` +
        "STREAM_PROXY_MAX_STREAMS allows";
      const excess = exhausted("calls whose token is verified", text, "retry later");
      this.#refusals.report("streams", peer, text);
      return excess;
    }
    this.#verifying++;
    return () => this.#verifying--;
  }

  #report(peer: string, excess: CallError | undefined): CallError | undefined {
    if (excess) this.#refusals.report("streams", peer, excess.message);
    return excess;
  }

  #openUnary(onOver: OnOver): CallError | undefined {
    if (this.#unary >= MAX_UNARY_CALLS) {
      const text = `The proxy has ${this.#unary} unanswered unary calls, as many as it accepts`;
      return exhausted("unary calls", text, "retry later");
    }
    this.#unary++;
    onOver(() => this.#unary--);
    return undefined;
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

/** Counts of calls, in all and by address block. */
class BlockCounts {
  readonly #limits: { readonly total: number; readonly perBlock: number };
  readonly #blocks = new Map<string, number>();
  #total = 0;

  constructor(limits: { readonly total: number; readonly perBlock: number }) {
    this.#limits = limits;
  }

  /**
   * Counts a call of a block until it is over.
   *
   * @param what is counted, for the text
   * @returns why it is not counted; `undefined` when it is
   */
  open(block: string, what: string, onOver: OnOver): string | undefined {
    const { total, perBlock } = this.#limits;
    const ofBlock = this.#blocks.get(block) ?? 0;
    if (ofBlock >= perBlock) {
      return `The address has ${ofBlock} ${what} without an identity, as many as the proxy accepts`;
    }
    if (this.#total >= total) {
      return `The proxy has ${this.#total} ${what} without an identity, as many as it accepts`;
    }
    this.#total++;
    this.#blocks.set(block, ofBlock + 1);
    onOver(() => {
      this.#total--;
      const left = (this.#blocks.get(block) ?? 1) - 1;
      if (left > 0) this.#blocks.set(block, left);
      else this.#blocks.delete(block);
    });
    return undefined;
  }
}

function isUnary(kind: MethodKind | undefined): boolean {
  return kind === "unary" || kind === undefined;
}
