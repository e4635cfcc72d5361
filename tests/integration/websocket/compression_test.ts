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

Deno.test("clients that negotiated compression receive the same in fewer bytes", async () => {
  await using harness = await startHarness(START);
  const compressed: readonly PerMessageDeflateOptions[] = [
    {},
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
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

const PYTHON = Deno.env.get("CLIENTS_PYTHON");
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
  name: "the Python library websockets reads what is compressed",
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
