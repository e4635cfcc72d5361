/**
 * Limits how often clients open streams: a client that opens streams in a loop takes no more than
 * its part of the event loop, and other clients do not notice it.
 *
 * An address may open {@linkcode BURST_SECS} seconds' worth of streams together, more than the
 * proxy admits by default, so that all clients behind one address may reopen their streams after a
 * restart. A connection has half the rate of its address, so that one client of several behind an
 * address leaves the others a part.
 *
 * @module
 */
import { addressBlock } from "../../domain/limits/address_block.ts";
import { type Rate, TokenBucket, TokenBuckets } from "../../domain/limits/token_bucket.ts";
import type { Clock } from "../ports/clock.ts";

/** Seconds of the rate that may be used together. */
const BURST_SECS = 50;

/** Part of the rate of its address that one connection has. */
const CONNECTION_SHARE = 0.5;

/** Shortest time after which a refused client is asked to retry, in ms. */
const MIN_RETRY_MS = 1_000;

/** A client opens streams too often; it may retry. */
export class OpenedTooOften extends Error {
  override readonly name = "OpenedTooOften";
  /** What is limited: `connection`, `address` or `identity`. */
  readonly scope: string;
  /** Time after which the stream can be opened, in ms. */
  readonly retryAfterMs: number;

  constructor(scope: string, { perSec, waitMs }: {
    readonly perSec: number;
    readonly waitMs: number;
  }) {
    super(
      `The ${scope} opens more than ${perSec} streams a second, the limit of ` +
        "STREAM_PROXY_MAX_STREAM_OPENINGS_PER_SEC; open fewer, or retry later",
    );
    this.scope = scope;
    this.retryAfterMs = Math.max(MIN_RETRY_MS, Math.ceil(waitMs));
  }
}

/** Takes one opening of a connection; returns why it is refused. */
export type CheckOpening = () => OpenedTooOften | undefined;

/** Limits the openings of all connections, addresses and identities. */
export class OpeningRate {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #perSec: number;
  readonly #rate: Rate;
  readonly #addresses: TokenBuckets;
  readonly #identities: TokenBuckets;

  /** @param perSec streams that an address or identity may open per second; 0 for no limit */
  constructor(perSec: number, clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#perSec = perSec;
    this.#rate = rateOf(perSec);
    this.#addresses = new TokenBuckets(this.#rate);
    this.#identities = new TokenBuckets(this.#rate);
  }

  /**
   * Returns the check for the streams of one connection.
   *
   * @param address of the client, without a port
   */
  connection(address: string): CheckOpening {
    if (this.#perSec === 0) return () => undefined;
    const block = addressBlock(address);
    const perSec = this.#perSec * CONNECTION_SHARE;
    const bucket = new TokenBucket(rateOf(perSec), this.#clock.monotonic());
    return () => {
      const now = this.#clock.monotonic();
      const waitMs = bucket.take(now);
      if (waitMs > 0) return new OpenedTooOften("connection", { perSec, waitMs });
      return this.#take("address", this.#addresses, block);
    };
  }

  /** Takes one opening of an identity; returns why it is refused. */
  checkIdentity(identity: string): OpenedTooOften | undefined {
    return this.#perSec > 0 ? this.#take("identity", this.#identities, identity) : undefined;
  }

  #take(scope: string, buckets: TokenBuckets, key: string): OpenedTooOften | undefined {
    const waitMs = buckets.take(key, this.#clock.monotonic());
    if (waitMs === 0) return undefined;
    return new OpenedTooOften(scope, { perSec: this.#perSec, waitMs });
  }
}

function rateOf(perSec: number): Rate {
  return { perMs: perSec / 1_000, burst: Math.max(1, perSec * BURST_SECS) };
}
