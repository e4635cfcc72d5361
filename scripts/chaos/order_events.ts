/**
 * Reads the order events of the simulator's account.
 *
 * @module
 */
import { eventKey } from "./order_client.ts";

/** Events of one request. */
const PAGE = 5_000;

interface Page {
  readonly entries: readonly {
    readonly number: number;
    readonly update: {
      readonly event: string;
      readonly order: { readonly id: string; readonly filled_qty: string };
    };
  }[];
  readonly dropped: number;
}

/** The events that every client of order updates has to receive. */
export async function orderEvents(simulator: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let after = 0;;) {
    const query = `after=${after}&limit=${PAGE}`;
    const response = await fetch(`${simulator}/_control/order-ledger?${query}`, {
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot read the order events: ${text}`);
    const { entries, dropped } = JSON.parse(text) as Page;
    if (dropped > 0) throw new Error(`The ledger has dropped ${dropped} order events`);
    for (const { update: { event, order } } of entries) {
      const key = eventKey(order.id, event, order.filled_qty);
      if (key !== undefined) found.push(key);
    }
    const last = entries.at(-1);
    if (!last) return found;
    after = last.number;
  }
}
