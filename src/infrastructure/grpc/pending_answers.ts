/**
 * Limits what the answers of unary calls hold together until their clients take
 * them. The subscriptions of 100,000 symbols are an answer of megabytes, and a
 * client can ask for many and read none.
 *
 * @module
 */
import { status as Code } from "@grpc/grpc-js";
import type { Clock } from "../../application/ports/clock.ts";
import { CallError, unavailable } from "./call_error.ts";
import { type SendingCall, sendStatus } from "./pump.ts";
import type { RefusalLog } from "./limits/refusals.ts";
import type { AnswerLimit } from "./service_bridge.ts";

/** Bytes of large answers that may be untaken at one time. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Answers up to this size are not counted: calls are limited in number. */
const SMALL_BYTES = 4 * 1024;
/** Time that a client has to take a large answer, in ms. */
const TAKE_MS = 30_000;

/** What is needed of a unary call. */
export interface AnsweredCall extends SendingCall {
  getPeer(): string;
  /** grpc-js emits this once when a call is over, however it ended. */
  once(event: "cancelled", listener: () => void): unknown;
}

/** Keeps account of the answers that are being sent. */
export class PendingAnswers implements AnswerLimit {
  readonly #clock: Pick<Clock, "sleep">;
  readonly #log: RefusalLog;
  #bytes = 0;

  constructor(clock: Pick<Clock, "sleep">, log: RefusalLog) {
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Counts an answer until its call is over, which it is in time.
   *
   * @throws {CallError} RESOURCE_EXHAUSTED when too many bytes are untaken
   */
  hold(call: AnsweredCall, bytes: number): void {
    if (bytes <= SMALL_BYTES) return;
    if (this.#bytes > 0 && this.#bytes + bytes > MAX_BYTES) {
      const reason = `Answers of ${this.#bytes} bytes have not been read by ` +
        `the clients that asked for them; at most ${MAX_BYTES} are kept: ` +
        "retry later";
      this.#log.report("answers", call.getPeer(), reason);
      throw new CallError(Code.RESOURCE_EXHAUSTED, reason);
    }
    this.#bytes += bytes;
    const over = new AbortController();
    call.once("cancelled", () => {
      this.#bytes -= bytes;
      over.abort();
    });
    void this.#endLate(call, over.signal);
  }

  async #endLate(call: AnsweredCall, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(TAKE_MS, signal);
    if (signal.aborted) return;
    sendStatus(call, unavailable(`Answer not read within ${TAKE_MS} ms`));
  }
}
