"""A fan-out as simple proxies do it: one asyncio loop that decodes each message and encodes and
sends it to each client. Answers the same commands as the other processes of the bench."""

import asyncio
import json
import resource
import sys
import time

import websockets

clients = set()
sent = 0


async def serve_client(client):
    await client.send(json.dumps([{"T": "success", "msg": "connected"}]))
    await client.recv()
    await client.send(json.dumps([{"T": "success", "msg": "authenticated"}]))
    request = json.loads(await client.recv())
    await client.send(json.dumps([{"T": "subscription", "quotes": request["quotes"]}]))
    clients.add(client)
    await client.wait_closed()
    clients.discard(client)


async def fan_out(messages):
    global sent
    for message in messages:
        if message["T"] in ("success", "subscription"):
            continue
        for client in list(clients):
            try:
                await client.send(json.dumps([message]))
                sent += 1
            except websockets.ConnectionClosed:
                clients.discard(client)


async def relay(url):
    async with websockets.connect(url, compression=None, max_size=None) as upstream:
        await upstream.recv()
        await upstream.send(json.dumps({"action": "auth", "key": "k", "secret": "s"}))
        await upstream.recv()
        await upstream.send(json.dumps({"action": "subscribe", "quotes": ["*"]}))
        try:
            async for frame in upstream:
                await fan_out(json.loads(frame))
        except websockets.ConnectionClosed:
            pass  # the bench ends its processes in any order


def use():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    memory = usage.ru_maxrss * 1024
    return {
        "cpuMicros": (usage.ru_utime + usage.ru_stime) * 1e6,
        "rss": memory,
        "peakRss": memory,
        "heapUsed": 0,
        "external": 0,
        "writes": sent,
        "written": sent,
        "frames": 0,
        "at": time.monotonic() * 1000,
    }


async def main():
    server = None
    tasks = []
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        call = json.loads(line)
        result = None
        if call["command"] == "start":
            server = await websockets.serve(serve_client, "127.0.0.1", 0, compression=None)
            tasks.append(asyncio.create_task(relay(call["args"]["url"])))
            result = {"port": server.sockets[0].getsockname()[1]}
        elif call["command"] == "use":
            result = use()
        print("@" + json.dumps({"id": call["id"], "result": result}), flush=True)


asyncio.run(main())
