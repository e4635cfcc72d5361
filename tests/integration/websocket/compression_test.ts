/** Clients that negotiate permessage-deflate read what the WebSocket API compresses. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import type { PerMessageDeflateOptions } from "ws";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { type Harness, startHarness } from "../../support/harness.ts";

const COUNT = 20;
const START = {
  websocket: true,
  env: { STREAM_PROXY_WEBSOCKET_COMPRESS_FROM_BYTES: "1000" },
} as const;
const PADDING = "x".repeat(5_000);
const TRADE = { T: "t", S: "AAPL", x: "D", p: 402.115, s: 1, c: ["@"], z: "C", padding: PADDING };
const NUMBERS = Array.from({ length: COUNT }, (_, i) => i);

function emit({ simulator }: Harness): void {
  const t = "2026-09-14T14:30:02.118450321Z";
  for (const i of NUMBERS) simulator.emit("sip", [{ ...TRADE, i, t }]);
}

/** Bytes that a client has received. */
function bytesOf({ socket }: AlpacaClient): number {
  return (socket as unknown as { readonly _socket: Socket })._socket.bytesRead;
}

/** Bytes that a client has sent. */
function sentBy({ socket }: AlpacaClient): number {
  return (socket as unknown as { readonly _socket: Socket })._socket.bytesWritten;
}

Deno.test("clients that negotiated compression receive the same in fewer bytes", async () => {
  await using harness = await startHarness(START);
  const compressed: readonly PerMessageDeflateOptions[] = [
    {},
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { serverNoContextTakeover: false, clientNoContextTakeover: false },
    { serverMaxWindowBits: 12 },
  ];
  const plain = [false, { serverMaxWindowBits: 11 }] as const;
  for (const perMessageDeflate of [...compressed, ...plain]) {
    for (const format of ["json", "msgpack"] as const) {
      const options = { format, perMessageDeflate };
      await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, options);
      await client.request({ action: "subscribe", trades: ["AAPL"] });
      const before = bytesOf(client);
      emit(harness);
      const trades = await client.take(COUNT);
      assert.deepEqual(trades.map(({ i }) => i), NUMBERS);
      assert.ok(trades.every(({ padding }) => padding === PADDING));
      const received = bytesOf(client) - before;
      const isPlain = plain.some((each) => each === perMessageDeflate);
      assert.equal(received > COUNT * PADDING.length, isPlain, `${received} bytes`);
    }
  }
});

const CHOICES = [undefined, false, true];

Deno.test("requests refer to earlier ones if the client keeps its context", async () => {
  await using harness = await startHarness({
    ...START,
    env: { ...START.env, STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB: "64" },
  });
  for (const clientNoContextTakeover of CHOICES) {
    for (const serverNoContextTakeover of CHOICES) {
      const perMessageDeflate = { threshold: 0, clientNoContextTakeover, serverNoContextTakeover };
      const url = `${harness.websocket}/v2/sip`;
      await using client = await AlpacaClient.logIn(url, { perMessageDeflate });
      // Random, so that they are compressed well only by referring to earlier messages.
      const names = new Set<string>();
      while (names.size < 1_200) {
        names.add(`S${crypto.getRandomValues(new Uint8Array(4)).toHex().toUpperCase()}`);
      }
      const trades = [...names];
      let first = 0;
      for (let i = 0; i < 4; i++) {
        const before = sentBy(client);
        const action = i % 2 === 0 ? "subscribe" : "unsubscribe";
        const { trades: subscribed } = await client.request({ action, trades });
        assert.deepEqual(subscribed, i % 2 === 0 ? trades : []);
        const sent = sentBy(client) - before;
        first ||= sent;
        if (i === 0) continue;
        assert.equal(sent < first / 10, !clientNoContextTakeover, `${sent} of ${first} bytes`);
      }
      // More than the context has room for, of different sizes, in the end all of the limit.
      const noise = crypto.getRandomValues(new Uint8Array(32_000)).toHex();
      for (const size of [100, 20_000, 32_768, 32_757, 1, 64_000, 40_000, 65_523]) {
        const action = noise.slice(-size).padStart(size, "x");
        assert.equal((await client.request({ action })).code, 400);
      }
      client.send({ action: "x".repeat(65_524) });
      assert.equal((await client.closed).code, 1009);
    }
  }
});

const PYTHON = Deno.env.get("ALPACA_PY_PYTHON");
const SCRIPT = `
import json, sys
from websockets.sync.client import connect
with connect(sys.argv[1] + "/v2/sip") as ws:
    [deflate] = ws.protocol.extensions
    decode, compressed, numbers = deflate.decode, 0, []
    def count(frame, **options):
        global compressed
        compressed += frame.rsv1
        return decode(frame, **options)
    deflate.decode = count
    ws.recv(timeout=20)
    ws.send(json.dumps({"action": "auth", "key": "K", "secret": "S"}))
    ws.recv(timeout=20)
    ws.send(json.dumps({"action": "subscribe", "trades": ["AAPL"]}))
    ws.recv(timeout=20)
    print("subscribed", flush=True)
    while len(numbers) < ${COUNT}:
        for trade in json.loads(ws.recv(timeout=20)):
            assert trade["padding"] == "${PADDING}"
            numbers.append(trade["i"])
    assert compressed > 0
    print(json.dumps(numbers))
`;

Deno.test({
  name: "the Python library websockets reads what is compressed" +
    (PYTHON === undefined ? " (skipped: ALPACA_PY_PYTHON is not set)" : ""),
  ignore: PYTHON === undefined,
  fn: async () => {
    await using harness = await startHarness(START);
    const child = new Deno.Command(PYTHON ?? "", {
      args: ["-c", SCRIPT, harness.websocket],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let text = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text === "subscribed\n") emit(harness);
    }
    assert.ok((await child.status).success);
    assert.deepEqual(JSON.parse(text.slice("subscribed\n".length)), NUMBERS);
  },
});
