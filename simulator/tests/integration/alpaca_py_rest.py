"""Reads latest values and history of market data, open orders and fills from
REST with the official alpaca-py, and prints them as one JSON object."""

import json
import sys
from datetime import datetime, timezone

from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import (
    OptionLatestQuoteRequest,
    OptionTradesRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.requests import GetOrdersRequest

url, option = sys.argv[1:3]
start = datetime(2026, 9, 14, 14, 30, tzinfo=timezone.utc)
end = datetime(2026, 9, 14, 14, 40, tzinfo=timezone.utc)
stocks = StockHistoricalDataClient("SIM_KEY", "SIM_SECRET", url_override=url)
options = OptionHistoricalDataClient("SIM_KEY", "SIM_SECRET", url_override=url)
orders = TradingClient("SIM_KEY", "SIM_SECRET", url_override=url)

trades = stocks.get_stock_trades(StockTradesRequest(symbol_or_symbols="F", start=start, end=end))
bars = stocks.get_stock_bars(
    StockBarsRequest(symbol_or_symbols="F", timeframe=TimeFrame.Minute, start=start, end=end)
)
quote = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="F"))
option_trades = options.get_option_trades(
    OptionTradesRequest(symbol_or_symbols=option, start=start, end=end)
)
option_quote = options.get_option_latest_quote(
    OptionLatestQuoteRequest(symbol_or_symbols=option)
)
open_orders = orders.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
fills = orders.get("/account/activities/FILL")
print(
    json.dumps(
        {
            "trades": [trade.id for trade in trades["F"]],
            "bars": [bar.volume for bar in bars["F"]],
            "bid": quote["F"].bid_price,
            "option trades": [trade.price for trade in option_trades[option]],
            "option ask": option_quote[option].ask_price,
            "orders": [str(order.id) for order in open_orders],
            "submitted": [order.submitted_at.isoformat() for order in open_orders],
            "fills": [fill["qty"] for fill in fills],
        }
    )
)
