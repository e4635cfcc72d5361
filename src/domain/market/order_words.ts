/**
 * The broker's values of an order's enumerated fields, as far as they are known.
 *
 * They are open sets: the broker adds values without notice. An unknown one is
 * passed on and counted, so that an operator learns of it.
 *
 * @module
 */
import type { OrderUpdate } from "./order_events.ts";

/** Known values by field; `""` where the broker leaves the field blank. */
export const ORDER_WORDS = {
  event: [
    "new",
    "fill",
    "partial_fill",
    "canceled",
    "expired",
    "rejected",
    "pending_new",
    "stopped",
    "replaced",
    "suspended",
    "pending_cancel",
    "pending_replace",
    "calculated",
    "done_for_day",
    "trade_bust",
    "order_replace_rejected",
    "order_cancel_rejected",
  ],
  asset_class: ["", "us_equity", "us_option", "crypto"],
  order_class: ["", "simple", "bracket", "oco", "oto", "mleg"],
  order_type: ["", "limit", "market", "stop", "stop_limit", "trailing_stop"],
  side: ["", "buy", "sell"],
  time_in_force: ["", "day", "gtc", "ioc", "fok", "opg", "cls"],
} as const;

/** An enumerated field of an order update. */
export type WordKind = keyof typeof ORDER_WORDS;

/** A known value of a field. */
export type KnownWord<K extends WordKind> = typeof ORDER_WORDS[K][number];

/** A value that is not known. */
export interface UnknownWord {
  readonly kind: WordKind;
  readonly word: string;
}

/** The values of an update that are not known, those of its legs included. */
export function unknownWords(update: OrderUpdate): readonly UnknownWord[] {
  const { event, order } = update;
  const words: readonly UnknownWord[] = [
    { kind: "event", word: event },
    { kind: "asset_class", word: order.assetClass },
    { kind: "order_class", word: order.orderClass },
    { kind: "order_type", word: order.orderType },
    { kind: "side", word: order.side },
    { kind: "time_in_force", word: order.timeInForce },
    ...order.legs.map((leg) => ({ kind: "side" as const, word: leg.side })),
  ];
  return words.filter(({ kind, word }) => !isKnown(kind, word));
}

function isKnown(kind: WordKind, word: string): boolean {
  const known: readonly string[] = ORDER_WORDS[kind];
  return known.includes(word);
}
