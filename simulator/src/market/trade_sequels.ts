import type { Element, Encodable } from "../protocol/elements.ts";
import type { Instant } from "../protocol/instant.ts";

/** A `c` element: the trade again, at one cent more and under a new id. */
export function correctionOf(trade: Element, at: Instant): Element {
  const price = Number(trade["p"]);
  const id = trade["i"];
  const corrected = typeof id === "bigint" ? id + 1n : Number(id) + 1;
  return {
    T: "c",
    S: trade.S ?? "",
    x: field(trade, "x"),
    oi: field(trade, "i"),
    op: price,
    os: field(trade, "s"),
    oc: field(trade, "c"),
    ci: corrected,
    cp: Math.round((price + 0.01) * 10_000) / 10_000,
    cs: field(trade, "s"),
    cc: field(trade, "c"),
    t: at,
    z: field(trade, "z"),
  };
}

/** An `x` element for a trade: `C` cancelled, `E` sent in error. */
export function cancelOf(
  trade: Element,
  at: Instant,
  action: "C" | "E",
): Element {
  return {
    T: "x",
    S: trade.S ?? "",
    i: field(trade, "i"),
    x: field(trade, "x"),
    p: field(trade, "p"),
    s: field(trade, "s"),
    a: action,
    t: at,
    z: field(trade, "z"),
  };
}

function field(trade: Element, key: string): Encodable {
  return trade[key] ?? null;
}
