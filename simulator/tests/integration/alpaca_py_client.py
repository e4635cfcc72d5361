"""Receives one trade, one quote and one bar of stocks, and one trade and one
quote of options, with the official alpaca-py; places an order and receives its
updates up to the fill; prints everything as JSON lines."""

import json
import sys
import threading

from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.live import OptionDataStream, StockDataStream
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest
from alpaca.trading.stream import TradingStream

stock_url, option_url, option_symbol, trading_url, api_url = sys.argv[1:6]
wanted = {
    "stock trade",
    "stock quote",
    "stock bar",
    "option trade",
    "option quote",
    "order new",
    "order fill",
}
done = threading.Event()
lock = threading.Lock()


def handler(kind):
    async def handle(item):
        with lock:
            if kind not in wanted:
                return
            wanted.discard(kind)
            shown = {"kind": kind, **item.model_dump(mode="json")}
            print(json.dumps(shown), flush=True)
            if not wanted:
                done.set()

    return handle


async def handle_order(update):
    event = getattr(update.event, "value", update.event)
    await handler(f"order {event}")(update)


stocks = StockDataStream("SIM_KEY", "SIM_SECRET", feed=DataFeed.SIP, url_override=stock_url)
stocks.subscribe_trades(handler("stock trade"), "AAPL")
stocks.subscribe_quotes(handler("stock quote"), "*")
stocks.subscribe_bars(handler("stock bar"), "AAPL")
options = OptionDataStream("SIM_KEY", "SIM_SECRET", feed=OptionsFeed.OPRA, url_override=option_url)
options.subscribe_trades(handler("option trade"), option_symbol)
options.subscribe_quotes(handler("option quote"), option_symbol)

orders = TradingStream("SIM_KEY", "SIM_SECRET", url_override=trading_url)
orders.subscribe_trade_updates(handle_order)

for stream in (stocks, options, orders):
    threading.Thread(target=stream.run, daemon=True).start()

# Alpaca replays nothing: the update of an order placed before the subscription is lost.
api = TradingClient("SIM_KEY", "SIM_SECRET", url_override=api_url)
for _ in range(40):
    if "order fill" in wanted:
        api.submit_order(
            MarketOrderRequest(
                symbol="AAPL", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
            )
        )
    if done.wait(0.5):
        sys.exit(0)
sys.exit(1)
