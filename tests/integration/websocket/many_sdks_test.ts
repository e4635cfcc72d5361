/** Ten programs of Alpaca's SDKs share one upstream session of each stream. */
import assert from "node:assert/strict";
import { startHarness } from "../../support/harness.ts";
import {
  missingGo,
  type SdkStreamKind,
  type SdkStreams,
  sdkStreams,
  startGo,
  type StreamKind,
} from "../../support/sdk_streams.ts";
import { optionMessages, stockMessages } from "../../support/stock_messages.ts";
import { startTlsFront } from "../../support/tls_front.ts";
import { until } from "../../support/until.ts";

const PROGRAMS = 10;
const QUOTES = 200;
/** Any name and secret: the proxy of these tests has no access policy. */
const LOGIN = { key: "some-key", secret: "some-secret" } as const;

/** A quote of a stock. */
function quote(symbol: string, index: number) {
  return stockMessages(symbol, index).filter(({ T }) => T === "q");
}

function symbolOf(index: number): string {
  return `SYM${String.fromCharCode(65 + index)}`;
}

function received({ lines }: SdkStreams, channel: string, symbol: string): number {
  return lines.filter((line) => line.includes(channel) && line.includes(symbol)).length;
}

Deno.test("ten programs of the SDKs share one session of each stream", async () => {
  await using harness = await startHarness({ websocket: true });
  const { simulator, websocket } = harness;
  await using stack = new AsyncDisposableStack();
  const front = stack.use(await startTlsFront(Number(new URL(websocket).port)));
  const kinds = (await sdkStreams()).filter(({ missing }) => missing === undefined);
  const programs: SdkStreams[] = [];
  for (let i = 0; i < PROGRAMS; i++) {
    const kind = kinds[i % kinds.length] as SdkStreamKind;
    const url = kind.needsTls ? `wss://localhost:${front.port}` : websocket;
    programs.push(stack.use(await kind.start({ url, ...LOGIN, kinds: kind.kinds })));
  }
  const [contract = ""] = simulator.market.optionContracts("AAPL").map(({ symbol }) => symbol);
  for (const [i, program] of programs.entries()) {
    await program.subscribe("stocks", "quotes", [symbolOf(i), "SHARED"]);
    await program.subscribe("options", "quotes", [contract]);
    await program.connect();
  }
  // Quotes until all of them have some; from then on, each must have every one.
  await until(
    () => `first quotes: ${programs.map(({ complaint }) => complaint)}`,
    async () => {
      simulator.emit("sip", quote("SHARED", 0));
      simulator.emit("opra", optionMessages(contract, 0));
      await new Promise((resolve) => setTimeout(resolve, 50));
      return programs.every((program) =>
        received(program, "stocks quotes", "SHARED") > 0 &&
        received(program, "options quotes", contract) > 0
      );
    },
    60_000,
  );
  for (let i = 0; i < QUOTES; i++) {
    simulator.emit("sip", programs.flatMap((_, index) => quote(symbolOf(index), i)));
  }
  await until(
    () => `${QUOTES} quotes: ${programs.map((p, i) => received(p, "stocks", symbolOf(i)))}`,
    () => programs.every((p, i) => received(p, "stocks quotes", symbolOf(i)) === QUOTES),
  );
  for (const [i, program] of programs.entries()) {
    const others = programs.map((_, index) => index).filter((index) => index !== i);
    assert.ok(others.every((other) => received(program, "stocks", symbolOf(other)) === 0));
  }
  const sessions = simulator.sessions().map(({ endpoint }) => endpoint);
  assert.deepEqual(sessions.toSorted(), ["opra", "sip", "trading"]);
});

const missing = await missingGo();
const title = "the Go SDK reaches stocks and options by its one variable DATA_PROXY_WS";
for (const path of ["", "/v2", "/v1beta1"]) {
  const name = `${title}, ${path === "" ? "without a version" : `with ${path}`}`;
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: async () => {
      await using harness = await startHarness({ websocket: true });
      const { simulator, websocket } = harness;
      const kinds: StreamKind[] = ["stocks", "options"];
      await using program = await startGo(["", LOGIN.key, LOGIN.secret, kinds.join(",")], {
        DATA_PROXY_WS: `${websocket}${path}`,
      });
      const [contract = ""] = simulator.market.optionContracts("AAPL").map((c) => c.symbol);
      await program.subscribe("stocks", "quotes", ["AAPL"]);
      await program.subscribe("options", "quotes", [contract]);
      await program.connect();
      await until(() => `quotes: ${program.complaint}`, async () => {
        simulator.emit("sip", quote("AAPL", 0));
        simulator.emit("opra", optionMessages(contract, 0));
        await new Promise((resolve) => setTimeout(resolve, 50));
        return received(program, "stocks", "AAPL") > 0 &&
          received(program, "options", contract) > 0;
      });
    },
  });
}
