"""Receives crypto trades, quotes, bars and order books, and one article of more
than 1 MiB, with the official alpaca-py; prints what it has as JSON lines."""

import json
import sys
import threading

from alpaca.data.live import CryptoDataStream, NewsDataStream

crypto_url, news_url = sys.argv[1:3]
wanted = {"trade", "quote", "bar", "orderbook reset", "orderbook change", "news"}
done = threading.Event()
lock = threading.Lock()


def show(kind, item):
    with lock:
        if kind not in wanted:
            return
        wanted.discard(kind)
        shown = item.model_dump(mode="json")
        if kind == "news":
            shown["content"] = len(shown["content"].encode())
        print(json.dumps({"kind": kind, **shown}), flush=True)
        if not wanted:
            done.set()


def handler(kind):
    async def handle(item):
        show(kind, item)

    return handle


async def handle_orderbook(item):
    show("orderbook reset" if item.reset else "orderbook change", item)


crypto = CryptoDataStream("SIM_KEY", "SIM_SECRET", url_override=crypto_url)
crypto.subscribe_trades(handler("trade"), "BTC/USD")
crypto.subscribe_quotes(handler("quote"), "*")
crypto.subscribe_bars(handler("bar"), "BTC/USD")
crypto.subscribe_orderbooks(handle_orderbook, "ETH/USD")
news = NewsDataStream(
    "SIM_KEY",
    "SIM_SECRET",
    url_override=news_url,
    websocket_params={"max_size": 8 * 1024 * 1024},
)
news.subscribe_news(handler("news"), "AAPL")

for stream in (crypto, news):
    threading.Thread(target=stream.run, daemon=True).start()
sys.exit(0 if done.wait(20) else 1)
