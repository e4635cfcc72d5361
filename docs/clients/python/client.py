import os
import time

import grpc
from cream.v1.stream_proxy_pb2 import StreamQuotesRequest
from cream.v1.stream_proxy_pb2_grpc import StreamProxyServiceStub

address = os.environ.get("STREAM_PROXY_ADDRESS", "localhost:50052")
request = StreamQuotesRequest(symbols=["AAPL", "MSFT"])

with grpc.insecure_channel(address) as channel:
    stub = StreamProxyServiceStub(channel)
    while True:
        try:
            for response in stub.StreamQuotes(request, wait_for_ready=True):
                quote = response.quote
                print(quote.symbol, quote.bid_price, "x", quote.ask_price, flush=True)
        except grpc.RpcError as error:
            # The proxy restarts or is away: come back. Anything else is our mistake.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
        time.sleep(1)
