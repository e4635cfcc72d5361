/**
 * The executions of one account, as `GET /v2/account/activities/FILL` lists
 * them. Bounded: the oldest go first and are counted.
 *
 * @module
 */
import type { Decimal } from "./decimals.ts";
import type { OrderSide, OrderStatus } from "./order.ts";

/** One execution of one order. */
export interface Execution {
  /** The stream's `execution_id`. */
  readonly id: string;
  /** Sortable id of the activity: `YYYYMMDDHHMMSSmmm::uuid`. */
  readonly activityId: string;
  readonly orderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly qty: Decimal;
  readonly price: Decimal;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  readonly type: "fill" | "partial_fill";
  readonly cumQty: Decimal;
  readonly leavesQty: Decimal;
  readonly orderStatus: OrderStatus;
}

/** The newest executions of an account, oldest first. */
export class FillActivities {
  readonly #capacity: number;
  readonly #byId = new Map<string, Execution>();
  #forgotten = 0;

  /** Keeps at most `capacity` executions. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Executions dropped to stay within the bound. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Adds the newest execution. */
  add(execution: Execution): void {
    this.#byId.set(execution.id, execution);
    if (this.#byId.size <= this.#capacity) return;
    const [oldest] = this.#byId.keys();
    if (oldest !== undefined) this.#byId.delete(oldest);
    this.#forgotten++;
  }

  /** Takes an execution out again: it was busted or corrected. */
  remove(executionId: string): Execution | undefined {
    const execution = this.#byId.get(executionId);
    this.#byId.delete(executionId);
    return execution;
  }

  /** One execution by the id the stream gave it. */
  get(executionId: string): Execution | undefined {
    return this.#byId.get(executionId);
  }

  /** All that are kept, oldest first. */
  all(): IterableIterator<Execution> {
    return this.#byId.values();
  }
}

/** The id of an activity: its time to the millisecond, then a UUID. */
export function activityIdOf(atNanos: bigint, uuid: string): string {
  const digits = new Date(Number(atNanos / 1_000_000n)).toISOString()
    .replace(/\D/g, "");
  return `${digits}::${uuid}`;
}
