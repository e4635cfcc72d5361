/**
 * The FILL activities of an account (Alpaca docs "Account Activities"): one per
 * execution, of a multi-leg order one per leg. A corrected execution is replaced,
 * a busted one removed.
 *
 * @module
 */
import type { SeededRandom } from "../random.ts";
import { Decimal, decimalText, type Order, remainingQty } from "./order.ts";
import { timeText } from "./order_json.ts";

/** One FILL activity as Alpaca sends it. */
export type FillActivityJson = {
  activity_type: "FILL";
  id: string;
  cum_qty: string;
  leaves_qty: string;
  order_id: string;
  order_status: string;
  price: string;
  qty: string;
  side: string;
  symbol: string;
  transaction_time: string;
  type: "fill" | "partial_fill";
};

/** One activity with what selects it. */
export interface FillActivity {
  /** `execution_id` of the stream. */
  readonly executionId: string;
  /** Nanoseconds since the Unix epoch. */
  readonly at: bigint;
  /** As REST writes it. */
  readonly json: FillActivityJson;
}

/** One execution of an order that already contains it. */
interface Execution {
  readonly id: string;
  readonly qty: Decimal;
  readonly price: Decimal;
  /** Nanoseconds since the Unix epoch. */
  readonly at: bigint;
}

const NANOS_PER_MICRO = 1000n;

/** The latest activities, in order of time. */
export class ActivityLog {
  readonly #random: SeededRandom;
  readonly #capacity: number;
  readonly #idsAreExecutions: boolean;
  readonly #byExecution = new Map<string, FillActivity>();

  /**
   * Keeps the latest `capacity`. With `idsAreExecutions` an id ends with the
   * stream's `execution_id`, otherwise with a UUID of its own.
   */
  constructor(
    random: SeededRandom,
    options: { readonly capacity: number; readonly idsAreExecutions: boolean },
  ) {
    this.#random = random;
    this.#capacity = options.capacity;
    this.#idsAreExecutions = options.idsAreExecutions;
  }

  /** Adds the execution of an order, which must already contain it. */
  add(order: Order, { id, qty, price, at }: Execution): void {
    const uuid = this.#idsAreExecutions ? id : this.#random.uuid();
    const leaves = Decimal.max(0, remainingQty(order));
    this.#byExecution.set(id, {
      executionId: id,
      at,
      json: {
        activity_type: "FILL",
        id: `${compactTime(at)}::${uuid}`,
        cum_qty: decimalText(order.filledQty),
        leaves_qty: decimalText(leaves),
        order_id: order.id,
        order_status: order.status,
        price: decimalText(price),
        qty: decimalText(qty),
        side: order.side,
        symbol: order.symbol,
        // Alpaca's activities have microseconds.
        transaction_time: timeText(at - at % NANOS_PER_MICRO),
        type: leaves.isZero() ? "fill" : "partial_fill",
      },
    });
    if (this.#byExecution.size <= this.#capacity) return;
    const [oldest] = this.#byExecution.keys();
    if (oldest !== undefined) this.#byExecution.delete(oldest);
  }

  /** Removes the activity of an execution. */
  remove(executionId: string): void {
    this.#byExecution.delete(executionId);
  }

  /** Every activity that is kept, oldest first. */
  all(): FillActivity[] {
    return [...this.#byExecution.values()];
  }
}

/** `YYYYMMDDHHMMSSmmm` of a time. */
function compactTime(nanos: bigint): string {
  return new Date(Number(nanos / 1_000_000n)).toISOString().replace(/\D/g, "");
}
