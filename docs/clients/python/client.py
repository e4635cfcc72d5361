import os
import random
import sys
import time

import grpc
from cream.v1.stream_proxy_pb2 import StreamQuotesRequest
from cream.v1.stream_proxy_pb2_grpc import StreamProxyServiceStub

address = os.environ.get("STREAM_PROXY_ADDRESS", "localhost:50052")
request = StreamQuotesRequest(symbols=["AAPL", "MSFT"])
# Detects a dead connection within 30 s; waits at most 10 s between dials.
options = {
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.ping_timeout_ms": 10_000,
    "grpc.http2.max_pings_without_data": 0,
    "grpc.max_reconnect_backoff_ms": 10_000,
    # A small receive window: a client that reads slowly is not minutes behind.
    "grpc.http2.bdp_probe": 0,
    "grpc.http2.lookahead_bytes": 16_384,
}
# Errors in our own request. Every other end of a stream is retried.
PERMANENT = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
}

delay = 0.5
with grpc.insecure_channel(address, list(options.items())) as channel:
    stub = StreamProxyServiceStub(channel)
    while True:
        started = time.monotonic()
        try:
            for response in stub.StreamQuotes(request, wait_for_ready=True):
                quote = response.quote
                print(quote.symbol, quote.bid_price, "x", quote.ask_price, flush=True)
        except grpc.RpcError as error:
            if error.code() in PERMANENT:
                raise
            print(error.code().name, error.details(), file=sys.stderr)
        # A stream that lasted a second resets the delay; others double it.
        lasted = time.monotonic() - started > 1
        delay = 0.5 if lasted else min(2 * delay, 10)
        time.sleep(delay * random.uniform(0.5, 1))
