"""A consumer of the proxy as others write them: grpcio, in Python.

Arguments: folder of the compiled protos, address, method in UpperCamelCase,
request as protobuf-JSON, number of messages. Prints `ready` when the response
headers have come, then one line of protobuf-JSON per message.
"""

import sys

sys.path.insert(0, sys.argv[1])

import grpc  # noqa: E402
from cream.v1 import stream_proxy_pb2, stream_proxy_pb2_grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402


def show(message):
    print(json_format.MessageToJson(message, indent=None), flush=True)


def main():
    address, method, request, count = sys.argv[2:6]
    with grpc.insecure_channel(address) as channel:
        stub = stream_proxy_pb2_grpc.StreamProxyServiceStub(channel)
        message = json_format.Parse(
            request, getattr(stream_proxy_pb2, method + "Request")()
        )
        if method == "GetConnectionStatus":
            show(stub.GetConnectionStatus(message))
            return
        call = getattr(stub, method)(message)
        call.initial_metadata()
        print("ready", flush=True)
        for _, response in zip(range(int(count)), call):
            show(response)
        call.cancel()


main()
