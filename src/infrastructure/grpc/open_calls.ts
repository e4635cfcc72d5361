/**
 * The streaming calls that are open, and the door that lets them in.
 *
 * A call is open from `admit` until grpc-js says that it is over, whoever ended
 * it: client, network, deadline or proxy, with its status sent or with nobody
 * left to take it. Its signal fires at the first of these and when the proxy
 * wants to end it; the reason is a {@linkcode ClientGone} or a
 * {@linkcode CallError}.
 *
 * @module
 */
import { type CallError, ClientGone } from "./call_error.ts";

/** What is needed of a grpc-js call: it says once when it is over. */
interface EndingCall {
  once(event: "cancelled", listener: () => void): unknown;
}

/** Keeps count of open calls, and ends them. */
export class OpenCalls {
  readonly #calls = new Set<AbortController>();
  readonly #whenEmpty: (() => void)[] = [];
  #refusal: CallError | undefined;

  /** How many calls are open. */
  get size(): number {
    return this.#calls.size;
  }

  /** Whether new calls are turned away. */
  get refusing(): boolean {
    return this.#refusal !== undefined;
  }

  /**
   * Lets a call in and returns the signal of its end.
   *
   * @throws {CallError} when calls are turned away.
   */
  admit(call: EndingCall): AbortSignal {
    const controller = new AbortController();
    this.#calls.add(controller);
    call.once("cancelled", () => {
      this.#calls.delete(controller);
      controller.abort(new ClientGone());
      if (this.#calls.size === 0) this.#tellEmpty();
    });
    if (this.#refusal !== undefined) throw this.#refusal;
    return controller.signal;
  }

  /** Turns new calls away from now on; the first reason given stays. */
  refuse(reason: CallError): void {
    this.#refusal ??= reason;
  }

  /** Asks every open call to end. */
  endAll(reason: CallError): void {
    for (const controller of [...this.#calls]) controller.abort(reason);
  }

  /** Resolves once no call is open. */
  empty(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenEmpty.push(resolve);
    if (this.#calls.size === 0) this.#tellEmpty();
    return promise;
  }

  #tellEmpty(): void {
    for (const tell of this.#whenEmpty.splice(0)) tell();
  }
}
