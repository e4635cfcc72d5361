/**
 * Tracks open streaming calls.
 *
 * A call is open from {@linkcode OpenCalls.track} until its protocol reports that it is over: ended
 * by the client, the network, a deadline or the proxy. Its signal fires then, or earlier when the
 * proxy ends it; the reason is a {@linkcode ClientGone} or a {@linkcode CallError}.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import { endStreams } from "../../application/streaming/end_streams.ts";
import type { Call } from "./call.ts";
import { type CallError, ClientGone, unavailable } from "./call_error.ts";
import type { Expirations } from "./expirations.ts";

/** A call that is open, until it has to end: what an `AbortController` is, at less memory. */
export class TrackedCall {
  #isAborted = false;
  #reason: unknown;
  #listener: ((reason: unknown) => void) | undefined;
  #controller: AbortController | undefined;

  /** Fires when the call has to end; made for those that use it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Sets what is called once with the reason when the call has to end, also if it has to now. */
  onAbort(listener: (reason: unknown) => void): void {
    if (this.#isAborted) listener(this.#reason);
    else this.#listener = listener;
  }

  /** Has the call end; the first reason is kept. */
  abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.(reason);
  }
}

/** Tracks open calls and ends them. */
export class OpenCalls {
  /** Open calls, with the address and port of their client where they are known. */
  readonly #calls = new Map<TrackedCall, string | undefined>();
  readonly #emptyListeners: (() => void)[] = [];
  readonly #expirations: Expirations | undefined;
  #refusal: CallError | undefined;

  /** @param expirations ends the calls of identities that expire */
  constructor(expirations?: Expirations) {
    this.#expirations = expirations;
  }

  /** Number of open calls. */
  get size(): number {
    return this.#calls.size;
  }

  /** Whether new calls are refused. */
  get isRefusing(): boolean {
    return this.#refusal !== undefined;
  }

  /**
   * Tracks a call until it is over.
   *
   * @returns its signal fires when the call has to end; aborting it with a {@linkcode CallError}
   *   ends the call
   * @throws {CallError} when new calls are refused; the call counts as open until its status is
   *   sent
   */
  track(call: Pick<Call, "once"> & Partial<Pick<Call, "identity" | "peer">>): TrackedCall {
    const tracked = new TrackedCall();
    this.#calls.set(tracked, call.peer);
    call.once("cancelled", () => {
      this.#calls.delete(tracked);
      tracked.abort(new ClientGone());
      if (this.#calls.size === 0) this.#notifyEmpty();
    });
    if (this.#refusal !== undefined) throw this.#refusal;
    const expiresAt = call.identity?.expiresAt;
    if (expiresAt !== undefined) this.#expirations?.add(tracked, expiresAt);
    return tracked;
  }

  /** Refuses new calls from now on; the first reason is kept. */
  refuseNew(reason: CallError): void {
    this.#refusal ??= reason;
  }

  /** Fires the signal of every open call. */
  endAll(reason: CallError): void {
    for (const tracked of [...this.#calls.keys()]) tracked.abort(reason);
  }

  /**
   * Ends the calls of a client with UNAVAILABLE, one after the other; resolves when the last one
   * was asked to end.
   *
   * @param peer address and port of the client
   * @param options.graceMs time that this may take
   */
  endOf(
    peer: string,
    reason: string,
    options: { readonly graceMs: number; readonly clock: Pick<Clock, "monotonic" | "sleep"> },
  ): Promise<void> {
    const calls = this.#calls;
    const own = [...calls].filter(([, of]) => of === peer).map(([tracked]) => ({
      get isOpen() {
        return calls.has(tracked);
      },
      announce: undefined,
      end: (text: string) => tracked.abort(unavailable(text)),
    }));
    return endStreams(own, { ...options, reason });
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
