"""Places, replaces, cancels and reads orders with the official alpaca-py. Each line of the
standard input is a command, each line of the output its result, both as JSON."""

import json
import sys

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
)

api = TradingClient("SIM_KEY", "SIM_SECRET", url_override=sys.argv[1])


def run(command):
    do, order_id = command["do"], command.get("id")
    if do == "place":
        fields = {
            "symbol": command["symbol"],
            "qty": float(command["qty"]),
            "side": OrderSide(command["side"]),
            "time_in_force": TimeInForce.GTC,
        }
        if "limitPrice" in command:
            price = float(command["limitPrice"])
            return api.submit_order(LimitOrderRequest(limit_price=price, **fields))
        return api.submit_order(MarketOrderRequest(**fields))
    if do == "replace":
        price = float(command["limitPrice"])
        return api.replace_order_by_id(order_id, ReplaceOrderRequest(limit_price=price))
    if do == "cancel":
        return api.cancel_order_by_id(order_id)
    if do == "read":
        return api.get_order_by_id(order_id)
    raise ValueError(f"unknown command {do}")


for line in sys.stdin:
    result = run(json.loads(line))
    shown = {} if result is None else result.model_dump(mode="json")
    print(json.dumps(shown), flush=True)
