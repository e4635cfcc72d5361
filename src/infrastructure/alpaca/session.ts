/**
 * A session that is up: its proof of life, its requests and its end.
 *
 * @module
 */
import type { FeedSession } from "../../application/ports/feed_connector.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { SubscriptionRequest } from "../../domain/subscription/request.ts";
import type { Wire } from "./wire.ts";

/** What a socket can send. */
export type Payload = string | Uint8Array<ArrayBuffer>;

/** Counts frames, the proof of life of a session. */
export class Pulse {
  readonly #clock: Clock;
  #frames = 0;
  #lastFrameAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastFrameAt = clock.monotonic();
  }

  /** A frame has come. */
  beat(): void {
    this.#frames++;
    this.#lastFrameAt = this.#clock.monotonic();
  }

  /** Frames so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Monotonic ms of the last frame, or of the start. */
  get lastFrameAt(): number {
    return this.#lastFrameAt;
  }
}

/** An authenticated session over a wire. */
export class WireSession implements FeedSession {
  readonly #wire: Wire;
  readonly #pulse: Pulse;
  readonly #encode: (request: SubscriptionRequest) => Payload;
  readonly #failed = Promise.withResolvers<FeedFailure>();
  readonly ended: Promise<FeedFailure>;

  constructor(
    wire: Wire,
    options: {
      readonly pulse: Pulse;
      readonly encode: (request: SubscriptionRequest) => Payload;
    },
  ) {
    this.#wire = wire;
    this.#pulse = options.pulse;
    this.#encode = options.encode;
    this.ended = Promise.race([this.#failed.promise, wire.ended]);
  }

  get lastFrameAt(): number {
    return this.#pulse.lastFrameAt;
  }

  get frames(): number {
    return this.#pulse.frames;
  }

  request(request: SubscriptionRequest): void {
    this.#wire.send(this.#encode(request));
  }

  fail(failure: FeedFailure): void {
    this.#failed.resolve(failure);
  }

  async close(): Promise<void> {
    await this.#wire.close();
    // A peer that never answers the goodbye must not keep the session alive.
    this.#failed.resolve(await Promise.race([this.#wire.ended, farewell()]));
  }
}

function farewell(): FeedFailure {
  return new FeedFailure("Closed by us", { errorType: "closed" });
}
