"""Streams with the official alpaca-py, as commands on the standard input say, one JSON object a
line. Prints what it receives the same way; of raw messages, a timestamp is `seconds.nanoseconds`.

Arguments: base URL of the streams, key id, secret, kinds of streams, `models` or `raw`."""

import json
import sys
import threading

from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.live import CryptoDataStream, NewsDataStream, OptionDataStream, StockDataStream
from alpaca.trading.stream import TradingStream

base, key, secret, kinds, form = sys.argv[1:6]
is_raw = form == "raw"
lock = threading.Lock()

METHODS = {
    "trades": "trades",
    "quotes": "quotes",
    "bars": "bars",
    "updatedBars": "updated_bars",
    "dailyBars": "daily_bars",
    "statuses": "trading_statuses",
    "orderbooks": "orderbooks",
    "news": "news",
}


def plain(value):
    if hasattr(value, "nanoseconds"):
        return f"{value.seconds}.{value.nanoseconds:09}"
    return repr(value)


def handler(channel):
    async def handle(item):
        shown = item if is_raw else item.model_dump(mode="json")
        line = json.dumps({"channel": channel, "item": shown}, default=plain)
        with lock:
            print(line, flush=True)

    return handle


streams = {}
if "stocks" in kinds:
    streams["stocks"] = StockDataStream(
        key, secret, raw_data=is_raw, feed=DataFeed.SIP, url_override=f"{base}/v2/sip"
    )
    streams["stocks"].register_trade_corrections(handler("stocks corrections"))
    streams["stocks"].register_trade_cancels(handler("stocks cancelErrors"))
if "options" in kinds:
    streams["options"] = OptionDataStream(
        key, secret, raw_data=is_raw, feed=OptionsFeed.OPRA, url_override=f"{base}/v1beta1/opra"
    )
if "crypto" in kinds:
    streams["crypto"] = CryptoDataStream(
        key, secret, raw_data=is_raw, url_override=f"{base}/v1beta3/crypto/us"
    )
if "news" in kinds:
    streams["news"] = NewsDataStream(
        key,
        secret,
        raw_data=is_raw,
        url_override=f"{base}/v1beta1/news",
        websocket_params={"max_size": 8 * 1024 * 1024},
    )
if "orders" in kinds:
    streams["orders"] = TradingStream(key, secret, raw_data=is_raw, url_override=f"{base}/stream")
    streams["orders"].subscribe_trade_updates(handler("orders"))

for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "connect":
        for stream in streams.values():
            threading.Thread(target=stream.run, daemon=True).start()
        continue
    kind, channel = command["kind"], command["channel"]
    stream, symbols = streams[kind], command["symbols"]
    if command["do"] == "subscribe":
        subscribe = getattr(stream, f"subscribe_{METHODS[channel]}")
        subscribe(handler(f"{kind} {channel}"), *symbols)
    else:
        getattr(stream, f"unsubscribe_{METHODS[channel]}")(*symbols)

for stream in streams.values():
    stream.stop()
