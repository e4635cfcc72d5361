/**
 * The port to storage of order updates that outlives the process.
 *
 * @module
 */
import type { Origin } from "../../domain/market/notices.ts";
import type { OrderUpdate } from "../../domain/market/order_events.ts";

/** An update as it was published to streams with options. */
export interface StoredUpdate {
  readonly update: OrderUpdate;
  /** Wall clock ms. */
  readonly receivedAt: number;
  readonly origin: Extract<Origin, "live" | "reconciled">;
}

/** Updates that are missing between the entries before and after this one. */
export interface StoredGap {
  readonly reason: "upstream_lost" | "unreadable";
  /** Symbols of the missing updates; `undefined` when they are not known. */
  readonly symbols: readonly string[] | undefined;
  /** When they were sent, in wall clock ms. */
  readonly startTime: number;
  readonly endTime: number;
}

/** One entry of an order store. */
export type StoredEntry = StoredUpdate | StoredGap;

/** Stores the order updates of one account, oldest first. */
export interface OrderStore {
  /**
   * Adds an entry, in the background; never waits and never throws. What cannot be stored is a
   * {@linkcode StoredGap} in the store.
   */
  add(entry: StoredEntry): void;
}
