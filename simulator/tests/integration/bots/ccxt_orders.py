"""Order updates with ccxt, on which freqtrade and others are built: watches the orders of the
account until one is closed. Prints JSON lines.

Arguments: base URL of the REST API and of the trading stream."""

import asyncio
import json
import sys

import ccxt.pro


async def main():
    rest, stream = sys.argv[1:3]
    exchange = ccxt.pro.alpaca({"apiKey": "SIM_KEY", "secret": "SIM_SECRET"})
    exchange.urls["api"].update(trader=rest, market=rest)
    exchange.urls["api"]["ws"]["trading"] = f"{stream}/stream"
    try:
        while True:
            for order in await exchange.watch_orders():
                shown = {key: order[key] for key in ("id", "symbol", "status", "filled", "average")}
                print(json.dumps(shown), flush=True)
                if order["status"] == "closed":
                    return
    finally:
        await exchange.close()


asyncio.run(main())
