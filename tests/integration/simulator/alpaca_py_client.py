"""Receives one trade, one quote and one bar of stocks, and one trade and one
quote of options, with the official alpaca-py; prints them as JSON lines."""

import json
import sys
import threading

from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.live import OptionDataStream, StockDataStream

stock_url, option_url, option_symbol = sys.argv[1:4]
wanted = {"stock trade", "stock quote", "stock bar", "option trade", "option quote"}
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


stocks = StockDataStream("SIM_KEY", "SIM_SECRET", feed=DataFeed.SIP, url_override=stock_url)
stocks.subscribe_trades(handler("stock trade"), "AAPL")
stocks.subscribe_quotes(handler("stock quote"), "*")
stocks.subscribe_bars(handler("stock bar"), "AAPL")
options = OptionDataStream("SIM_KEY", "SIM_SECRET", feed=OptionsFeed.OPRA, url_override=option_url)
options.subscribe_trades(handler("option trade"), option_symbol)
options.subscribe_quotes(handler("option quote"), option_symbol)

for stream in (stocks, options):
    threading.Thread(target=stream.run, daemon=True).start()
sys.exit(0 if done.wait(20) else 1)
