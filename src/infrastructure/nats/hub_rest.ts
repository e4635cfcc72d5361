/**
 * REST requests of an edge, which its hub sends.
 *
 * A request is repeated while no hub answers or the hub is busy, so that it outlives the
 * replacement of one. A hub sends equal requests once while they are in flight.
 *
 * @module
 */
import { ApiUnavailable } from "../../application/ports/api_unavailable.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type {
  ForwardedRequest,
  ForwardedResponse,
  RestForwarder,
} from "../../application/ports/rest_forwarder.ts";
import type { HubLink } from "./hub_link.ts";
import { encodeRest, readRestReply, type RestReply } from "./hub_protocol.ts";
import { NoAnswer } from "./hub_requests.ts";

/** How long a hub may take to answer before the request is repeated, in ms. */
const ATTEMPT_MS = 10_000;
/** Pause before a repetition, in ms. */
const PAUSE_MS = 500;
/** How long a request is repeated, in ms. */
const GIVE_UP_MS = 60_000;

/** Sends requests by way of a hub. */
export class HubRest implements RestForwarder {
  readonly #link: HubLink;
  readonly #clock: Clock;

  constructor(link: HubLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  async get(request: ForwardedRequest, signal: AbortSignal): Promise<ForwardedResponse> {
    const clock = this.#clock;
    const start = clock.monotonic();
    let cause = "aborted";
    while (!signal.aborted) {
      const reply = await this.#send(request, signal);
      if (!(reply instanceof NoAnswer || "busy" in reply)) return this.#read(reply);
      cause = "busy" in reply ? "the hub has too many requests in flight" : reply.message;
      if (this.#link.absence !== undefined || clock.monotonic() - start >= GIVE_UP_MS) break;
      await clock.sleep(PAUSE_MS, signal);
    }
    throw new ApiUnavailable(`${request.path}: ${cause}`);
  }

  #send(request: ForwardedRequest, signal: AbortSignal): Promise<RestReply | NoAnswer> {
    const { edge } = this.#link;
    const { promise, resolve } = Promise.withResolvers<RestReply | NoAnswer>();
    const abort = () => resolve(new NoAnswer("aborted"));
    signal.addEventListener("abort", abort, { once: true });
    this.#link.request("rest", encodeRest({ edge, ...request }), {
      timeoutMs: ATTEMPT_MS,
      read: readRestReply,
      onReply: resolve,
    });
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  #read(reply: Exclude<RestReply, { readonly busy: true }>): ForwardedResponse {
    if ("error" in reply) throw new ApiUnavailable(reply.error.message, reply.error.status);
    const { body, serverTime } = reply;
    return { body, clockAheadMs: serverTime === 0 ? undefined : this.#clock.now() - serverTime };
  }
}
