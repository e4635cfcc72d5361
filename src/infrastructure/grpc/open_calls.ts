/**
 * Tracks open streaming calls, and sends the headers and the status of calls.
 *
 * A call is open from {@linkcode OpenCalls.track} until grpc-js reports that it is over: ended by
 * the client, the network, a deadline or the proxy. Its signal fires then, or earlier when the
 * proxy ends it; the reason is a {@linkcode ClientGone} or a {@linkcode CallError}.
 *
 * @module
 */
import { Metadata } from "@grpc/grpc-js";
import { type CallError, ClientGone, toStatus } from "./call_error.ts";
import { sendStatus } from "./http2_workarounds/send_status.ts";

/** Longest time between the notice that a stream will end and its end, in ms. */
const MAX_DRAINING_MS = 1_000;
/** Part of the grace period that this time may take. */
const DRAINING_SHARE = 1 / 4;

/** The part of a grpc-js call that reports its end, once. */
interface EndingCall {
  once(event: "cancelled", listener: () => void): unknown;
}

/** Tracks open calls and ends them. */
export class OpenCalls {
  readonly #calls = new Set<AbortController>();
  readonly #emptyListeners: (() => void)[] = [];
  #refusal: CallError | undefined;
  #drainingMs = 0;

  /** Number of open calls. */
  get size(): number {
    return this.#calls.size;
  }

  /** Whether new calls are refused. */
  get isRefusing(): boolean {
    return this.#refusal !== undefined;
  }

  /**
   * Tracks a call until it is over. Its signal fires when it has to end.
   *
   * @throws {CallError} when new calls are refused; the call counts as open until its status is
   *   sent
   */
  track(call: EndingCall): AbortSignal {
    const controller = new AbortController();
    this.#calls.add(controller);
    call.once("cancelled", () => {
      this.#calls.delete(controller);
      controller.abort(new ClientGone());
      if (this.#calls.size === 0) this.#notifyEmpty();
    });
    if (this.#refusal !== undefined) throw this.#refusal;
    return controller.signal;
  }

  /** Refuses new calls from now on; the first reason is kept. */
  refuseNew(reason: CallError): void {
    this.#refusal ??= reason;
  }

  /** How long a stream with notices may stay open after its signal has fired, in ms. */
  get drainingMs(): number {
    return this.#drainingMs;
  }

  /**
   * Fires the signal of every open call.
   *
   * @param graceMs time that all of them have to end
   */
  endAll(reason: CallError, graceMs: number = 0): void {
    this.#drainingMs = Math.min(MAX_DRAINING_MS, graceMs * DRAINING_SHARE);
    for (const controller of [...this.#calls]) controller.abort(reason);
  }

  /** Resolves when no call is open. */
  whenEmpty(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptyListeners.push(resolve);
    if (this.#calls.size === 0) this.#notifyEmpty();
    return promise;
  }

  #notifyEmpty(): void {
    for (const listener of this.#emptyListeners.splice(0)) listener();
  }
}

/** Sends response headers immediately: clients wait for them with a deadline. */
export function sendHeaders(
  call: { sendMetadata(metadata: Metadata): void },
): void {
  call.sendMetadata(new Metadata());
}

/** The part of a grpc-js call that is needed to end it. */
interface EndableCall {
  readonly cancelled: boolean;
  readonly writableEnded: boolean;
  /** Writes that have not finished. */
  readonly writableLength: number;
  emit(event: "error", status: unknown): unknown;
}

/**
 * Ends a call with the status of `reason`, unless its client is gone.
 */
export function endCall(call: EndableCall, reason: unknown): void {
  if (reason instanceof ClientGone) return;
  if (call.cancelled || call.writableEnded) return;
  if (call.writableLength > 0 && sendStatus(call, toStatus(reason))) return;
  // The documented way to end a stream with a status; `destroy` sends none.
  call.emit("error", toStatus(reason));
}
