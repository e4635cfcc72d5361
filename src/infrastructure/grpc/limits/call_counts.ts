/**
 * Limits the calls that are open at a time, over all connections and protocols: streaming ones, and
 * beside them a reserve of unary ones (status, health).
 *
 * @module
 */
import { type CallError, exhausted } from "../call_error.ts";
import type { RefusalLog } from "./refusals.ts";

/** Unary calls that may be open beside the streaming ones. */
const MAX_UNARY_CALLS = 1_000;

/** How requests and responses of a method alternate. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** Counts open calls. */
export class CallCounts {
  readonly #maxStreams: number;
  readonly #refusals: RefusalLog;
  #streaming = 0;
  #unary = 0;

  /** @param maxStreams streaming calls at a time */
  constructor(maxStreams: number, refusals: RefusalLog) {
    this.#maxStreams = maxStreams;
    this.#refusals = refusals;
  }

  /**
   * Counts a call until it is over.
   *
   * @param kind of its method; `undefined` for one that is not known
   * @param onOver registers the listener for the end of the call
   * @returns why the call is refused; `undefined` when it is not
   */
  open(
    kind: MethodKind | undefined,
    peer: string,
    onOver: (listener: () => void) => unknown,
  ): CallError | undefined {
    const excess = kind === "unary" || kind === undefined
      ? this.#openUnary(onOver)
      : this.#openStreaming(onOver);
    if (excess) this.#refusals.report("streams", peer, excess.message);
    return excess;
  }

  #openUnary(onOver: (listener: () => void) => unknown): CallError | undefined {
    if (this.#unary >= MAX_UNARY_CALLS) {
      const text = `The proxy has ${this.#unary} unanswered unary calls, as many as it accepts`;
      return exhausted("unary calls", text, "retry later");
    }
    this.#unary++;
    onOver(() => this.#unary--);
    return undefined;
  }

  #openStreaming(onOver: (listener: () => void) => unknown): CallError | undefined {
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
