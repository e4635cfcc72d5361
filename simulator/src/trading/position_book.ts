/**
 * Positions and cash of one account, changed by executions alone. A position
 * keeps its average entry price while it grows; what closes it moves the
 * difference into cash by the price of the execution.
 *
 * @module
 */
import { type Decimal, ZERO } from "./decimals.ts";
import type { AssetClass, OrderSide } from "./order.ts";

/** Shares (or contracts) of one symbol held by an account. */
export interface Position {
  readonly symbol: string;
  readonly assetClass: AssetClass;
  /** Signed: negative is short. */
  readonly qty: Decimal;
  /** Average price of what is still held. */
  readonly entryPrice: Decimal;
}

/** One execution as the position sees it; a negative quantity undoes one. */
export interface PositionChange {
  readonly symbol: string;
  readonly assetClass: AssetClass;
  readonly side: OrderSide;
  readonly qty: Decimal;
  readonly price: Decimal;
}

const OPTION_MULTIPLIER = 100;

/** Dollars one unit of price is worth: 100 for an option contract. */
export function multiplierOf(assetClass: AssetClass): number {
  return assetClass === "us_option" ? OPTION_MULTIPLIER : 1;
}

/** The positions and the cash of one account. */
export class PositionBook {
  readonly #positions = new Map<string, Position>();
  #cash: Decimal;

  /** Starts flat, with this much cash in dollars. */
  constructor(cash: Decimal) {
    this.#cash = cash;
  }

  /** Cash in dollars; negative when borrowed. */
  get cash(): Decimal {
    return this.#cash;
  }

  /** Signed quantity held of a symbol; zero when none. */
  qty(symbol: string): Decimal {
    return this.#positions.get(symbol)?.qty ?? ZERO;
  }

  /** One position; undefined when flat. */
  get(symbol: string): Position | undefined {
    return this.#positions.get(symbol);
  }

  /** All positions, in the order they were opened. */
  all(): Position[] {
    return [...this.#positions.values()];
  }

  /** Books one execution and returns the new signed quantity. */
  apply(change: PositionChange): Decimal {
    const { symbol, assetClass, price } = change;
    const signed = change.side === "buy" ? change.qty : change.qty.negated();
    this.#cash = this.#cash.minus(
      signed.times(price).times(multiplierOf(assetClass)),
    );
    const before = this.#positions.get(symbol);
    const qty = (before?.qty ?? ZERO).plus(signed);
    if (qty.isZero()) this.#positions.delete(symbol);
    else {
      const entryPrice = entryAfter(before, { signed, qty, price });
      this.#positions.set(symbol, { symbol, assetClass, qty, entryPrice });
    }
    return qty;
  }
}

function entryAfter(
  before: Position | undefined,
  { signed, qty, price }: { signed: Decimal; qty: Decimal; price: Decimal },
): Decimal {
  if (before === undefined) return price;
  if (before.qty.isNegative() === signed.isNegative()) {
    return before.qty.times(before.entryPrice).plus(signed.times(price))
      .div(qty);
  }
  const crossedZero = before.qty.isNegative() !== qty.isNegative();
  return crossedZero ? price : before.entryPrice;
}
