"""Streams with options and records what each of them receives.

Arguments: folder of the compiled protos, address, plan as JSON. The plan is a list of
streams: name, method, field of the data message, symbols, options as protobuf-JSON,
pause in seconds after each message, seconds after which the stream is opened again (0 for
never). A stream that ended is opened again, with a resume if that is possible.

Prints one JSON list per item: index of the stream, kind, wall clock ms, and
  ["open"]        a call was started
  ["data", sequence, symbol sequence, origin, symbol, key, received ms]
  ["notice", the notice as protobuf-JSON]
  ["end", status code, details]

Commands, one per line on standard input: `address HOST:PORT`; `drain`, which ends all
pauses; `stop`.
"""

import collections
import json
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

import grpc  # noqa: E402
from cream.v1 import stream_proxy_pb2 as pb  # noqa: E402
from cream.v1 import stream_proxy_pb2_grpc as pb_grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402

ORIGINS = {pb.ORIGIN_LIVE: "live", pb.ORIGIN_SNAPSHOT: "snapshot", pb.ORIGIN_REPLAY: "replay",
           pb.ORIGIN_BACKFILL: "backfill"}
# Messages after which a client acknowledges, and the most that pass in seconds.
ACKNOWLEDGE_EVERY = 5
ACKNOWLEDGE_SECONDS = 0.1


def millis(timestamp):
    return timestamp.seconds * 1000 + timestamp.nanos / 1e6


def key_of(field, data):
    """What identifies a message: the time to the nanosecond, and an id or a price."""
    at = f"{data.timestamp.seconds}.{data.timestamp.nanos:09}"
    if field == "trade":
        return f"{at} {data.trade_id}"
    if field == "quote":
        return f"{at} {round(data.bid_price * 10_000)} {round(data.ask_price * 10_000)}"
    return f"{at} {data.volume}"


class Output:
    """Standard output, flushed a few times a second."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines = []
        threading.Thread(target=self.flush, daemon=True).start()

    def line(self, *item):
        text = json.dumps(item, separators=(",", ":"))
        with self.lock:
            self.lines.append(text)

    def write(self):
        with self.lock:
            lines, self.lines = self.lines, []
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()

    def flush(self):
        while True:
            time.sleep(0.2)
            self.write()


class State:
    """What the commands change."""

    def __init__(self, address):
        self.address = address
        self.draining = threading.Event()
        self.stopping = threading.Event()


class Stream:
    """One stream, opened again and again."""

    def __init__(self, index, plan, state, output):
        self.index = index
        self.plan = plan
        self.state = state
        self.output = output
        self.call = None
        self.epoch = ""
        self.position = 0
        self.stream_id = ""
        self.unacknowledged = 0
        self.acknowledged_at = 0.0
        self.acknowledging = collections.deque(maxlen=100)

    def note(self, kind, *fields):
        self.output.line(self.index, kind, time.time() * 1000, *fields)

    def run(self):
        while not self.state.stopping.is_set():
            try:
                self.follow()
            except grpc.RpcError as error:
                self.note("end", error.code().name, error.details())
            self.state.stopping.wait(0.3)

    def follow(self):
        address = self.state.address
        channel_options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(address, options=channel_options) as channel:
            stub = pb_grpc.StreamProxyServiceStub(channel)
            call = getattr(stub, self.plan["method"])(self.request(), wait_for_ready=True)
            self.call = call
            self.note("open")
            reopen_at = time.monotonic() + (self.plan["reopenSeconds"] or 1e9)
            for response in call:
                self.receive(response, stub)
                if self.state.stopping.is_set():
                    break
                if time.monotonic() > reopen_at and not self.state.draining.is_set():
                    call.cancel()
                    break
        self.note("end", "CANCELLED", "by the client")

    def request(self):
        request = getattr(pb, self.plan["method"] + "Request")(symbols=self.plan["symbols"])
        json_format.ParseDict(self.plan["options"], request.options)
        if self.epoch:
            request.options.snapshot = False
            request.options.resume.epoch = self.epoch
            request.options.resume.sequence = self.position
        return request

    def receive(self, response, stub):
        if response.HasField("notice"):
            self.notice(response.notice)
            return
        data = getattr(response, self.plan["field"])
        meta = response.meta
        origin = ORIGINS.get(meta.origin, str(meta.origin))
        self.note("data", meta.sequence, meta.symbol_sequence, origin, data.symbol,
                  key_of(self.plan["field"], data), millis(meta.received_at))
        # With LATEST, messages are not in the order of the channel: a heartbeat has a position.
        is_ordered = self.plan["options"].get("delivery") != "DELIVERY_POLICY_LATEST"
        if origin in ("live", "replay"):
            if is_ordered or origin == "replay":
                self.position = max(self.position, meta.sequence)
            self.acknowledge(stub, meta.sequence)
        pause = self.plan["pauseSeconds"]
        if pause and not self.state.draining.is_set():
            time.sleep(pause)

    def notice(self, notice):
        self.note("notice", json_format.MessageToDict(notice))
        kind = notice.WhichOneof("kind")
        if kind == "hello":
            hello = notice.hello
            self.stream_id = hello.stream_id
            self.unacknowledged = 0
            if hello.epoch != self.epoch or not hello.resumed:
                self.epoch = hello.epoch
                self.position = hello.sequence
        elif kind == "heartbeat":
            self.position = max(self.position, notice.heartbeat.sequence)
        elif kind == "caught_up":
            self.position = max(self.position, notice.caught_up.sequence)

    def acknowledge(self, stub, sequence):
        if not self.plan["options"].get("maxUnacknowledged"):
            return
        self.unacknowledged += 1
        now = time.monotonic()
        is_due = now - self.acknowledged_at > ACKNOWLEDGE_SECONDS
        if self.unacknowledged < ACKNOWLEDGE_EVERY and not is_due:
            return
        self.unacknowledged = 0
        self.acknowledged_at = now
        position = pb.StreamPosition(stream_id=self.stream_id, sequence=sequence)
        # Kept, because grpcio cancels a call that is collected as garbage.
        request = pb.AcknowledgeRequest(positions=[position])
        self.acknowledging.append(stub.Acknowledge.future(request))


def main():
    output = Output()
    state = State(sys.argv[2])
    streams = [Stream(index, plan, state, output)
               for index, plan in enumerate(json.loads(sys.argv[3]))]
    threads = [threading.Thread(target=stream.run, daemon=True) for stream in streams]
    for thread in threads:
        thread.start()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "address":
            state.address = argument
            for stream in streams:
                if stream.call:
                    stream.call.cancel()
        elif command == "drain":
            state.draining.set()
        elif command == "stop":
            break
    state.stopping.set()
    for stream in streams:
        if stream.call:
            stream.call.cancel()
    for thread in threads:
        thread.join(5)
    output.write()


main()
