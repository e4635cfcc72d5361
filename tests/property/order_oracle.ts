/**
 * Compares what streams have received of an account with every event of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { TradeUpdate } from "@alpaca-stream-proxy/simulator";
import type { Envelope } from "../../src/application/broadcast/envelope.ts";
import type { OrderUpdate } from "../../src/domain/market/order_events.ts";
import { readOrderUpdate } from "../../src/infrastructure/alpaca/order_messages.ts";
import { parseWithNumberText } from "../../src/infrastructure/alpaca/codecs.ts";

/** Events that leave a trace in REST. */
export const TRACED: ReadonlySet<string> = new Set([
  "fill",
  "partial_fill",
  "canceled",
  "expired",
  "rejected",
  "replaced",
]);

const read = new WeakMap<TradeUpdate, OrderUpdate>();

/** The update as the proxy reads it, with an id that is derived where it has none. */
export function asRead(update: TradeUpdate): OrderUpdate {
  const known = read.get(update);
  if (known) return known;
  const data = parseWithNumberText(JSON.stringify(update)) as Record<string, unknown>;
  const event = readOrderUpdate(data);
  read.set(update, event);
  return event;
}

/**
 * Checks the updates of one stream against the events since it was opened: each event that is
 * due exactly once; none that did not happen; in order per order.
 *
 * @returns the number of derived updates
 */
export function checkUpdates(
  updates: readonly Envelope<OrderUpdate>[],
  ledger: readonly TradeUpdate[],
  isDue: (event: TradeUpdate) => boolean,
): number {
  const events = Map.groupBy(ledger, ({ order }) => order.id);
  const seen = Map.groupBy(updates, ({ event }) => event.order.id);
  let derived = 0;
  for (const [id, own] of seen) {
    const expected = events.get(id) ?? [];
    let at = -1;
    const found = new Set<TradeUpdate>();
    for (const { event, origin } of own) {
      const index = expected.findIndex((each, position) =>
        position > at && matches({ event, origin }, each)
      );
      assert.ok(index >= 0, `${describe(event)} (${origin}) after ${at} of ${text(expected)}`);
      at = index;
      found.add(expected[index] as TradeUpdate);
      if (origin === "reconciled") derived++;
    }
    for (const each of expected) checkFound(each, found, isDue, own);
  }
  for (const [id, expected] of events) {
    if (!seen.has(id)) { for (const each of expected) checkFound(each, new Set(), isDue, []); }
  }
  return derived;
}

function checkFound(
  event: TradeUpdate,
  found: ReadonlySet<TradeUpdate>,
  isDue: (event: TradeUpdate) => boolean,
  own: readonly Envelope<OrderUpdate>[],
): void {
  if (found.has(event)) return;
  assert.ok(
    !isDue(event),
    `${event.event} ${event.order.id} ${event.order.filled_qty} is missing in ` +
      own.map((one) => `${one.origin} ${describe(one.event)}`).join(", "),
  );
}

function matches(
  { event: update, origin }: Pick<Envelope<OrderUpdate>, "event" | "origin">,
  event: TradeUpdate,
): boolean {
  if (update.event !== event.event) return false;
  if (origin !== "reconciled") return update.eventId === asRead(event).eventId;
  // The same execution, or the same word.
  const isFill = update.event === "fill" || update.event === "partial_fill";
  if (!isFill) return true;
  return update.order.filledQty === event.order.filled_qty && update.qty === event.qty &&
    Number(update.price) === Number(event.price) && update.order.status === event.order.status;
}

function describe({ event, order, qty, price }: OrderUpdate): string {
  return `${event} ${order.id} ${order.filledQty} ${qty ?? ""} ${price ?? ""}`;
}

function text(events: readonly TradeUpdate[]): string {
  return events.map((one) =>
    `${one.event} ${one.order.filled_qty} ${one.qty ?? ""} ${one.price ?? ""}`
  ).join(", ");
}
