/** The raw client against another HTTP/2 implementation, and plain TCP. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { grpcFields, headerBlock } from "../../../scripts/rig/hpack.ts";
import { framed, headerFrames, pathOf, texts } from "../../../scripts/rig/messages.ts";
import { RawConnection } from "../../../scripts/rig/raw_connection.ts";

Deno.test("an HTTP/2 server reads the headers and the body of a call", async () => {
  const server = createServer();
  const seen = Promise.withResolvers<[IncomingHttpHeaders, Uint8Array]>();
  server.on("stream", (stream, headers) => {
    const parts: Uint8Array[] = [];
    stream.on("data", (part: Uint8Array) => parts.push(part));
    stream.on("end", () => {
      seen.resolve([headers, Uint8Array.from(parts.flatMap((p) => [...p]))]);
      // A server's stream can answer, which the event's type forgets.
      (stream as unknown as { respond(headers: unknown): void })
        .respond({ ":status": 200 });
      stream.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = await RawConnection.open({ port });
  const symbols = Array.from({ length: 5_000 }, (_, i) => `S${i}`);
  const stream = client.call({
    method: "StreamQuotes",
    message: texts(1, symbols),
    metadata: [["x-large", "m".repeat(20_000)]],
  });
  const [headers, body] = await seen.promise;
  assert.equal(headers[":path"], "/cream.v1.StreamProxyService/StreamQuotes");
  assert.equal(headers["content-type"], "application/grpc");
  assert.equal(String(headers["x-large"]).length, 20_000);
  assert.deepEqual(body, framed(texts(1, symbols)));
  while (client.isOpen(stream)) await new Promise((r) => setTimeout(r, 5));
  assert.deepEqual([client.accepted, client.ended, client.resets], [1, 1, 0]);
  client.close();
  await client.end;
  server.close();
  await once(server, "close");
});

Deno.test("what is sent right after a flush is sent", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [server, client] = await Promise.all([
    listener.accept(),
    RawConnection.open({ port, hello: false, reads: false }),
  ]);
  const buffer = new Uint8Array(100);
  for (let round = 0; round < 20; round++) {
    // Each round sends after another number of turns of the promise queue.
    await client.put(new Uint8Array(1));
    for (let turn = 0; turn < round; turn++) await undefined;
    client.send(new Uint8Array(1));
    for (let got = 0; got < 2;) got += await server.read(buffer) ?? 2;
  }
  client.close();
  server.close();
  listener.close();
});

Deno.test("a long body is sent as the server's windows allow", async () => {
  const server = createServer();
  const size = Promise.withResolvers<number>();
  server.on("sessionError", size.reject);
  server.on("stream", (stream) => {
    let bytes = 0;
    stream.on("data", (part: Uint8Array) => bytes += part.length);
    stream.on("end", () => size.resolve(bytes));
    stream.on("error", size.reject);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = await RawConnection.open({ port });
  const stream = client.nextStream();
  client.send(
    headerFrames(stream, headerBlock(grpcFields(pathOf("StreamQuotes")))),
  );
  await client.body(stream, new Uint8Array(300_000), true);
  assert.equal(await size.promise, 300_000);
  assert.deepEqual([client.resets, client.goAways], [0, []]);
  client.close();
  await client.end;
  server.close();
  await once(server, "close");
});
