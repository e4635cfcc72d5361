/**
 * Exact decimal arithmetic for money and quantities. Every amount leaves the
 * simulator as plain decimal text: never in exponent form, without trailing
 * zeros, exactly as computed.
 *
 * @module
 */
import { Decimal as BaseDecimal } from "decimal.js";

/** Decimal numbers with room for every sum a simulated account can reach. */
export const Decimal = BaseDecimal.clone({ precision: 60, defaults: true });
/** One exact decimal number. */
export type Decimal = BaseDecimal;

/** Zero, shared because decimals never change. */
export const ZERO: Decimal = new Decimal(0);

/** Decimal places of quantities and of average prices in Alpaca's protocol. */
export const MAX_DECIMAL_PLACES = 9;

/** Plain decimal text, for example `402.11`, never `4.0211e+2`. */
export function decimalText(value: Decimal): string {
  return value.isZero() ? "0" : value.toFixed();
}

/**
 * The average price of `quantity` units that cost `value` in all, to nine
 * decimal places; undefined while nothing was bought or sold.
 */
export function averagePrice(
  value: Decimal,
  quantity: Decimal,
): Decimal | undefined {
  if (quantity.isZero()) return undefined;
  return value.div(quantity).toDecimalPlaces(
    MAX_DECIMAL_PLACES,
    Decimal.ROUND_HALF_UP,
  );
}
