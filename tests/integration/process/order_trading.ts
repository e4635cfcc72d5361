/**
 * Orders at the simulator, and what a consumer of their updates has written.
 *
 * @module
 */
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import { until } from "../../support/until.ts";
import type { LogLine } from "./child.ts";

const ORDER = { symbol: "AAPL", qty: "50", side: "buy", time_in_force: "gtc" };
const FINAL = ["filled", "canceled"];
/** Submits orders: some are filled in parts, some are canceled, some stay open. */
export async function trade({ trading }: Simulator): Promise<void> {
  const engine = trading.engineOf("SIM_KEY");
  const statusOf = (id: string) => engine.get(id)?.status ?? "";
  const submit = (fields: Readonly<Record<string, string>>) =>
    engine.submit({ ...ORDER, ...fields }).id;
  const ended = [1, 2, 3].map(() => submit({ type: "market" }));
  const open = ["1.00", "1.01", "1.02"].map((price) =>
    submit({ type: "limit", limit_price: price })
  );
  await until("orders are open", () => open.every((id) => statusOf(id) === "new"));
  const [canceled = "", executed = ""] = open;
  engine.manualFills.fill(executed, { qty: "5", price: "1.01" });
  engine.cancel(canceled);
  ended.push(canceled);
  await until("orders have ended", () => ended.every((id) => FINAL.includes(statusOf(id))));
}

/** Ids of the events that happened after a number, in order. */
export function eventsAfter({ trading }: Simulator, after: number): readonly string[] {
  return trading.ledger.events({ after }).map(({ update }) => update.event_id ?? "");
}

/** Ids of the updates that a consumer has written. */
export function idsOf(lines: readonly LogLine[]): readonly string[] {
  return lines.flatMap(({ eventId }) => typeof eventId === "string" ? [eventId] : []);
}

/** Reasons of the gaps that a consumer has written. */
export function gapsOf(lines: readonly LogLine[]): readonly unknown[] {
  return lines.flatMap(({ gap }) => gap === undefined ? [] : [gap]);
}
