import { ApiUnavailable } from "./api_unavailable.ts";
import type { Execution, RestOrder } from "../../domain/orders/reconcile.ts";

/** There are more entries than are read; a repetition does not help. */
export class TooManyEntries extends ApiUnavailable {
  override readonly name = "TooManyEntries";
}

/**
 * Reads the orders of the account and their executions. Legs of a multi-leg order are in their
 * parent only; those of other classes are orders of their own too.
 *
 * Every method throws `ApiUnavailable` when not all of it can be read, `TooManyEntries` when there
 * is too much.
 */
export interface OrderHistory {
  /** How far the own clock is ahead of that of REST, in ms, by the last response; 0 if unknown. */
  readonly clockAheadMs: number;
  /** The orders that can still change. */
  openOrders(signal: AbortSignal): Promise<readonly RestOrder[]>;
  /** The orders that were submitted after a moment, in wall clock ms, in any status. */
  submittedAfter(since: number, signal: AbortSignal): Promise<readonly RestOrder[]>;
  /** An order, with its legs as orders of their own; empty when there is none. */
  order(id: string, signal: AbortSignal): Promise<readonly RestOrder[]>;
  /** The executions after a moment, in wall clock ms. */
  executionsAfter(since: number, signal: AbortSignal): Promise<readonly Execution[]>;
}
