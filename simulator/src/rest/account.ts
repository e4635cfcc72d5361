/**
 * `/v2/account` and `/v2/positions`, true to the orders that were executed.
 *
 * @module
 */
import { Decimal, decimalText } from "../trading/decimals.ts";
import { marketValue } from "../trading/account_figures.ts";
import { multiplierOf, type Position } from "../trading/position_book.ts";
import { ok } from "./replies.ts";
import { type RestContext, type Route, route } from "./rest_context.ts";
import { missing } from "./rest_error.ts";

/** The endpoints of account and positions. */
export const accountRoutes: readonly Route[] = [
  route("GET", "/v2/account", (context) => ok(writeAccount(context))),
  route("GET", "/v2/positions", (context) => {
    const { engine } = context;
    return ok(engine.positions().map((held) => writePosition(context, held)));
  }),
  route("GET", "/v2/positions/:symbol", (context) => {
    const { engine, path, deps } = context;
    const name = path["symbol"] ?? "";
    const held = engine.positions().find(({ symbol }) =>
      symbol === name || symbol.replace("/", "") === name ||
      deps.trading.assetIds.of(symbol) === name
    );
    if (held === undefined) throw missing("position does not exist");
    return ok(writePosition(context, held));
  }),
];

function writeAccount({ engine, account, deps }: RestContext) {
  const figures = engine.figures();
  const text = (value: Decimal) => decimalText(value.toDecimalPlaces(2));
  const id = deps.trading.assetIds.of(`account ${account.key}`);
  const half = text(
    figures.longMarketValue.minus(figures.shortMarketValue).div(2),
  );
  return {
    id,
    account_number: `PA${id.slice(0, 8).toUpperCase()}`,
    status: "ACTIVE",
    crypto_status: "ACTIVE",
    currency: "USD",
    cash: text(figures.cash),
    equity: text(figures.equity),
    portfolio_value: text(figures.equity),
    buying_power: text(figures.buyingPower),
    regt_buying_power: text(figures.buyingPower),
    non_marginable_buying_power: text(
      Decimal.max(0, Decimal.min(figures.cash, figures.buyingPower)),
    ),
    long_market_value: text(figures.longMarketValue),
    short_market_value: text(figures.shortMarketValue),
    initial_margin: half,
    maintenance_margin: half,
    multiplier: "2",
    pattern_day_trader: false,
    trading_blocked: false,
    transfers_blocked: false,
    account_blocked: false,
    trade_suspended_by_user: false,
    shorting_enabled: true,
    options_approved_level: 3,
    options_trading_level: 3,
    daytrade_count: 0,
  };
}

function writePosition({ deps }: RestContext, position: Position) {
  const { symbol, assetClass, qty, entryPrice } = position;
  const value = marketValue(position, deps.trading.prices);
  const cost = qty.times(entryPrice).times(multiplierOf(assetClass));
  const profit = value.minus(cost);
  const price = value.div(qty).div(multiplierOf(assetClass));
  return {
    asset_id: deps.trading.assetIds.of(symbol),
    symbol,
    asset_class: assetClass,
    qty: decimalText(qty),
    qty_available: decimalText(qty),
    side: qty.isNegative() ? "short" : "long",
    avg_entry_price: decimalText(entryPrice.toDecimalPlaces(9)),
    cost_basis: decimalText(cost.toDecimalPlaces(9)),
    market_value: decimalText(value.toDecimalPlaces(9)),
    current_price: decimalText(price.toDecimalPlaces(9)),
    unrealized_pl: decimalText(profit.toDecimalPlaces(9)),
    unrealized_plpc: decimalText(
      cost.isZero() ? cost : profit.div(cost.abs()).toDecimalPlaces(9),
    ),
  };
}
