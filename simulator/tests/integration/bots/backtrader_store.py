"""A strategy of backtrader on Alpaca's store for it: live data of two stocks, a market order on the
first of them, and its updates. Prints JSON lines.

Arguments: base URL of the REST API and trading stream. The store takes that of market data from
DATA_PROXY_WS, and has no setting for the other one."""

import json
import sys

import alpaca_backtrader_api
import backtrader as bt

alpaca_backtrader_api.AlpacaStore._ENV_PRACTICE_URL = sys.argv[1]
WANTED = 5
# Alpaca replays nothing: updates of an order placed before the stream listens are lost.
EVERY = 50


def show(**shown):
    print(json.dumps(shown), flush=True)


class Strategy(bt.Strategy):
    def __init__(self):
        self.seen = 0
        self.is_filled = False

    def notify_data(self, data, status, *args, **kwargs):
        show(kind="data", symbol=data._name, status=data._getstatusname(status))

    def notify_order(self, order):
        show(kind="order", status=order.getstatusname())
        if order.status == order.Completed:
            self.is_filled = True
            show(kind="filled", size=order.executed.size, price=order.executed.price)

    def next(self):
        self.seen += 1
        show(kind="price", close=self.data0.close[0], symbol=self.data0._name)
        if self.seen % EVERY == WANTED:
            self.buy(data=self.data0, size=1, exectype=bt.Order.Market)
        if self.is_filled:
            self.env.runstop()


store = alpaca_backtrader_api.AlpacaStore(key_id="SIM_KEY", secret_key="SIM_SECRET", paper=True)
cerebro = bt.Cerebro(quicknotify=True)
cerebro.setbroker(store.getbroker())
for symbol in sys.argv[2].split(","):
    cerebro.adddata(
        store.getdata(
            dataname=symbol,
            timeframe=bt.TimeFrame.Ticks,
            historical=False,
            backfill_start=False,
            backfill=False,
            data_feed="sip",
        ),
        name=symbol,
    )
cerebro.addstrategy(Strategy)
cerebro.run()
show(kind="end")
