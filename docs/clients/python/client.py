import math
import os
import random
import sys
import time

import grpc
from cream.v1.stream_proxy_pb2 import (
    DELIVERY_POLICY_EVERY,
    DELIVERY_POLICY_LATEST,
    GAP_REASON_NOT_RETAINED,
    GAP_REASON_SLOW_CLIENT,
    GAP_REASON_UNREADABLE,
    ORIGIN_LIVE,
    AcknowledgeRequest,
    Freshness,
    GapReason,
    StreamOptions,
    StreamPosition,
    StreamQuotesRequest,
)
from cream.v1.stream_proxy_pb2_grpc import StreamProxyServiceStub

address = os.environ.get("STREAM_PROXY_ADDRESS", "localhost:50052")
# LATEST=1: only the latest quote of a symbol when this program is slow.
is_latest = os.environ.get("LATEST") == "1"
# Messages that may lie between the proxy and this program.
WINDOW = 200
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
# Gaps of messages that had a sequence; of others the proxy received nothing.
NUMBERED = {GAP_REASON_SLOW_CLIENT, GAP_REASON_UNREADABLE, GAP_REASON_NOT_RETAINED}


# PEM text of a variable, in which "\n" may stand for line breaks.
def pem(name):
    return os.environ.get(name, "").replace("\\n", "\n").encode() or None


def open_channel():
    token = os.environ.get("STREAM_PROXY_TOKEN")
    target = address.removeprefix("http://")
    if not target.startswith("https://"):
        if token:
            sys.exit("STREAM_PROXY_TOKEN needs an https:// address")
        return grpc.insecure_channel(target, list(options.items()))
    credentials = grpc.ssl_channel_credentials(
        pem("STREAM_PROXY_CLIENT_CA"),
        pem("STREAM_PROXY_CLIENT_KEY"),
        pem("STREAM_PROXY_CLIENT_CERT"),
    )
    if token:
        bearer = grpc.access_token_call_credentials(token)
        credentials = grpc.composite_channel_credentials(credentials, bearer)
    target = target.removeprefix("https://")
    return grpc.secure_channel(target, credentials, list(options.items()))


def report(*words):
    print(*words, file=sys.stderr, flush=True)


class Quotes:
    """Follows quotes across connections and compares their sequences."""

    def __init__(self, stub):
        self.stub = stub
        self.epoch = ""
        self.position = 0  # everything up to it was processed
        self.last = {}  # sequence of the last message of each symbol
        self.call = None  # the last acknowledgement

    def follow(self):
        """Reads one stream until it ends."""
        # Of this stream: live messages, holes, messages of gaps, holes without a gap.
        self.live = self.holes = self.reported = self.unreported = self.unacknowledged = 0
        for response in self.stub.StreamQuotes(self.request()):
            if response.HasField("notice"):
                self.notice(response.notice)
                continue
            if self.is_new(response.quote.symbol, response.meta):
                quote = response.quote
                print(quote.symbol, quote.bid_price, "x", quote.ask_price, flush=True)
            self.processed(response.meta)

    def request(self):
        stream = StreamOptions(meta=True, notices=True, max_unacknowledged=WINDOW)
        stream.delivery = DELIVERY_POLICY_LATEST if is_latest else DELIVERY_POLICY_EVERY
        stream.heartbeat_interval.seconds = 10
        if self.epoch:
            stream.resume.epoch = self.epoch
            stream.resume.sequence = self.position
        return StreamQuotesRequest(symbols=["AAPL", "MSFT"], options=stream)

    def is_new(self, symbol, meta):
        """Counts a message; False for one that was processed before a resume."""
        self.live += meta.origin == ORIGIN_LIVE
        last = self.last.get(symbol)
        if last is not None and meta.symbol_sequence <= last:
            return False
        # With LATEST a replay has only the last message of each symbol.
        if last is not None and (meta.origin == ORIGIN_LIVE or not is_latest):
            self.holes += meta.symbol_sequence - last - 1
        self.last[symbol] = meta.symbol_sequence
        return True

    def processed(self, meta):
        """Moves the position; acknowledges a quarter of the window at a time."""
        self.position = max(self.position, meta.sequence)
        self.unacknowledged += 1
        # grpcio cancels a call whose future is released, so it is kept.
        if self.unacknowledged * 4 >= WINDOW and (self.call is None or self.call.done()):
            self.unacknowledged = 0
            position = StreamPosition(stream_id=self.stream_id, sequence=meta.sequence)
            request = AcknowledgeRequest(positions=[position])
            self.call = self.stub.Acknowledge.future(request, timeout=5)

    def notice(self, notice):
        kind = notice.WhichOneof("kind")
        if kind == "hello":
            self.stream_id = notice.hello.stream_id
            if notice.hello.epoch != self.epoch:  # another process: sequences start again
                self.epoch, self.position = notice.hello.epoch, notice.hello.sequence
                self.last.clear()
        elif kind == "gap":
            gap = notice.gap
            report(GapReason.Name(gap.reason), gap.count, "messages are missing", *gap.symbols)
            if gap.reason in NUMBERED:
                self.reported += gap.count or math.inf
            self.position = max(self.position, 0 if is_latest else gap.last_sequence)
        elif kind == "feed":
            report(Freshness.Name(notice.feed.freshness), notice.feed.reason, *notice.feed.symbols)
        elif kind == "caught_up":
            self.position = max(self.position, notice.caught_up.sequence)
        elif kind == "heartbeat":
            self.compare(notice.heartbeat)

    def compare(self, totals):
        """Compares what arrived with the totals of the proxy."""
        holes = self.holes - totals.conflated - self.reported
        missing = max(holes, totals.delivered - self.live) - self.unreported
        if missing > 0:
            report(missing, "messages are missing that the proxy did not report")
            self.unreported += missing
        self.position = max(self.position, totals.sequence)


delay = 0.5
with open_channel() as channel:
    quotes = Quotes(StreamProxyServiceStub(channel))
    while True:
        started = time.monotonic()
        try:
            quotes.follow()
        except grpc.RpcError as error:
            if error.code() in PERMANENT:
                raise
            report(error.code().name, error.details())
        # A stream that lasted a second resets the delay; others double it.
        lasted = time.monotonic() - started > 1
        delay = 0.5 if lasted else min(2 * delay, 10)
        time.sleep(delay * random.uniform(0, 1))
