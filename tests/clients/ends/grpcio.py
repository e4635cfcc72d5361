"""Opens streams and prints the status code that each ends with."""
import sys
import threading

import grpc

address, count = sys.argv[1], int(sys.argv[2])
channel = grpc.insecure_channel(address)
method = channel.unary_stream("/cream.v1.StreamProxyService/StreamQuotes")


def follow(call):
    try:
        for _ in call:
            pass
        end = "OK"
    except grpc.RpcError as error:
        end = f"{error.code().name} {error.details()}"
    # One write: those of two threads can alternate.
    sys.stdout.write(f"{end}\n")
    sys.stdout.flush()


calls = [method(b"") for _ in range(count)]
for call in calls:
    call.initial_metadata()
print("open", flush=True)
threads = [threading.Thread(target=follow, args=[call]) for call in calls]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
