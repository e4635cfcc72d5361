/** Recorded streams, replayed to clients of another proxy or edge. */
import assert from "node:assert/strict";
import { type Message, toJsonString } from "@bufbuild/protobuf";
import {
  type RecordingSource,
  replay,
  type Simulator,
  type SimulatorOptions,
} from "@alpaca-stream-proxy/simulator";
import { record } from "../../cli/record.ts";
import { connect, type ProxyStream } from "../../client/mod.ts";
import {
  OptionQuoteUpdateSchema,
  OrderUpdateSchema,
  StockQuoteSchema,
  StockTradeSchema,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { AlpacaClient } from "../support/alpaca_client.ts";
import { startCluster } from "../support/cluster.ts";
import { areSubscribed, type Harness, startHarness } from "../support/harness.ts";
import { RecordingTerminal } from "../support/recording_terminal.ts";
import { requires } from "../support/requires.ts";
import { until } from "../support/until.ts";

const SYMBOLS = ["AAPL", "F", "MSFT"];
const BASIC = { basic: true };
const RUN_MS = 6_000;
const SPEED = 10;

/** Elements by channel and symbol, in the order in which a client has received them. */
type Elements = Map<string, string[]>;

/** What the clients of one proxy receive. */
class Clients implements AsyncDisposable {
  readonly #received: Elements = new Map();
  readonly #made = new AsyncDisposableStack();
  count = 0;

  static async open({ address, websocket }: Harness, contracts: readonly string[]) {
    const clients = new Clients();
    for (let number = 1; number <= 3; number++) {
      const client = clients.#made.use(connect({ address }));
      const add = (channel: string, key: string, text: string) =>
        clients.#add(`client ${number} ${channel} ${key}`, text);
      clients.#follow(
        client.quotes(SYMBOLS, BASIC),
        (quote) => add("quotes", quote.symbol, toJsonString(StockQuoteSchema, quote)),
      );
      clients.#follow(
        client.trades([], BASIC),
        (trade) => add("trades", trade.symbol, toJsonString(StockTradeSchema, trade)),
      );
      clients.#follow(
        client.optionQuotes(contracts, BASIC),
        (quote) => add("option quotes", quote.symbol, toJsonString(OptionQuoteUpdateSchema, quote)),
      );
      clients.#follow(
        client.orderUpdates({}, BASIC),
        (update) =>
          add("orders", update.order?.symbol ?? "", toJsonString(OrderUpdateSchema, update)),
      );
    }
    const socket = clients.#made.use(await AlpacaClient.logIn(`${websocket}/v2/sip`));
    socket.send({ action: "subscribe", quotes: SYMBOLS, trades: ["*"], bars: ["*"] });
    await socket.next();
    clients.#readSocket(socket);
    return clients;
  }

  /** The elements, sorted by channel and symbol. */
  get elements(): [string, string[]][] {
    return [...this.#received].sort(([left], [right]) => left < right ? -1 : 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }

  #add(key: string, element: string): void {
    const elements = this.#received.get(key) ?? [];
    this.#received.set(key, elements);
    elements.push(element);
    this.count++;
  }

  async #follow<T extends Message>(
    stream: ProxyStream<T>,
    onMessage: (message: T) => void,
  ): Promise<void> {
    for await (const message of stream) onMessage(message);
  }

  async #readSocket(socket: AlpacaClient): Promise<void> {
    for (;;) {
      const message = await socket.next().catch(() => undefined);
      if (message === undefined) return;
      this.#add(`WebSocket ${message["T"]} ${message["S"]}`, JSON.stringify(message));
    }
  }
}

/** Waits until no client receives anything any more. */
async function untilQuiet(clients: Clients): Promise<void> {
  for (let before = -1; before !== clients.count;) {
    before = clients.count;
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

async function untilSubscribed(simulator: Simulator, contracts: readonly string[]): Promise<void> {
  await until(
    "subscriptions",
    () =>
      areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, SYMBOLS) &&
      areSubscribed(simulator, { endpoint: "sip", channel: "bars" }, ["*"]) &&
      areSubscribed(simulator, { endpoint: "opra", channel: "quotes" }, contracts) &&
      simulator.trading.stream.listeners === 1,
  );
}

function sourceOf(file: Deno.FsFile): RecordingSource {
  return {
    read: (buffer) => file.read(buffer),
    rewind: async () => void await file.seek(0, Deno.SeekMode.Start),
  };
}

/** Market data and orders of a few seconds, repeatable except for their times. */
async function runMarket(simulator: Simulator): Promise<void> {
  simulator.market.messagesPerSecond = 2_000;
  const engine = simulator.trading.engineOf("SIM_KEY");
  const deadline = performance.now() + RUN_MS;
  for (let number = 0; performance.now() < deadline; number++) {
    const order = engine.submit({
      symbol: SYMBOLS[number % SYMBOLS.length],
      qty: "10",
      side: "buy",
      type: "limit",
      limit_price: "1",
      time_in_force: "day",
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    engine.manualFills.fill(order.id, { qty: "4", price: "1" });
    if (number % 2 === 0) engine.manualFills.fill(order.id, { price: "1.5" });
  }
  simulator.market.messagesPerSecond = 0;
}

/** Starts to record; resolves when everything is subscribed. */
async function startRecording(
  args: readonly string[],
  streams: number,
  env: Readonly<Record<string, string>> = {},
) {
  const terminal = new RecordingTerminal({ env });
  const done = record(args, terminal);
  const started = () => terminal.errorLines.filter((line) => line.startsWith("Recording ")).length;
  await Promise.race([terminal.until(() => started() === streams), done]);
  assert.equal(started(), streams, terminal.errorLines.join("\n"));
  return {
    terminal,
    async end() {
      terminal.interrupt.abort();
      assert.equal(await done, 0, terminal.errorLines.join("\n"));
    },
  };
}

/** Replays a recording to clients, who must receive the elements of those of the market. */
async function replayTo(
  harness: Harness,
  { path, contracts, original }: {
    readonly path: string;
    readonly contracts: readonly string[];
    readonly original: readonly [string, string[]][];
  },
): Promise<void> {
  await using clients = await Clients.open(harness, contracts);
  await untilSubscribed(harness.simulator, contracts);
  using file = await Deno.open(path);
  const report = await replay(harness.simulator, sourceOf(file), { speed: SPEED, wait: false });
  await untilQuiet(clients);
  await Deno.remove(path);
  assert.ok(report.span);
  assert.ok(report.elapsedMs < (report.span.to - report.span.from) / SPEED + 1_000);
  assert.ok(original.reduce((sum, [, elements]) => sum + elements.length, 0) > 5_000);
  assert.deepEqual(clients.elements.map(([key]) => key), original.map(([key]) => key));
  for (const [index, [key, elements]] of clients.elements.entries()) {
    assert.deepEqual(elements, original[index]?.[1], key);
  }
}

const MARKET: SimulatorOptions = { messagesPerSecond: 0, seed: "recorded", barSeconds: 2 };

/** The first contracts of an underlying. */
function contractsOf({ market }: Simulator): readonly string[] {
  return market.optionContracts("AAPL").slice(0, 3).map(({ symbol }) => symbol);
}

Deno.test("clients receive from a recording what they received from the market", async () => {
  const path = await Deno.makeTempFile({ suffix: ".aspr" });
  let contracts: readonly string[];
  let original: [string, string[]][];
  {
    await using harness = await startHarness({ simulator: MARKET, websocket: true });
    const { simulator, websocket } = harness;
    contracts = contractsOf(simulator);
    await using clients = await Clients.open(harness, contracts);
    await untilSubscribed(simulator, contracts);
    const streams = [
      `${websocket}/v2/sip?quotes=${SYMBOLS}&trades=*&bars=*`,
      `${websocket}/v1beta1/opra?quotes=${contracts}`,
      `${websocket}/stream`,
    ];
    const args = [path, "--overwrite", ...streams.flatMap((url) => ["--stream", url])];
    const recording = await startRecording(args, streams.length);
    await runMarket(simulator);
    await untilQuiet(clients);
    await recording.end();
    assert.match(
      recording.terminal.errorLines.join("\n"),
      /sip: .* frames; term 1; nothing missing/,
    );
    original = clients.elements;
  }
  await using harness = await startHarness({ simulator: { emittedOnly: true }, websocket: true });
  await replayTo(harness, { path, contracts, original });
});

Deno.test(requires(["nats-server"], {
  name: "clients of an edge receive from a recording of a hub what they received from the market",
  async fn() {
    const path = await Deno.makeTempFile({ suffix: ".aspr" });
    let contracts: readonly string[];
    let original: [string, string[]][];
    {
      await using cluster = await startCluster({ simulator: MARKET, websocket: true });
      const { simulator, nats, edges: [edge] } = cluster;
      assert.ok(edge);
      contracts = contractsOf(simulator);
      await using clients = await Clients.open(edge, contracts);
      await untilSubscribed(simulator, contracts);
      const env = { STREAM_PROXY_NATS_URL: nats.url };
      const recording = await startRecording([path, "--overwrite"], 1, env);
      // NATS has the subscription of the recorder by then.
      await untilQuiet(clients);
      await runMarket(simulator);
      await untilQuiet(clients);
      await recording.end();
      assert.match(recording.terminal.errorLines.join("\n"), /sip: .* frames; .*nothing missing/);
      original = clients.elements;
    }
    await using replayed = await startCluster({
      simulator: { emittedOnly: true },
      websocket: true,
    });
    const [edge] = replayed.edges;
    assert.ok(edge);
    await replayTo(edge, { path, contracts, original });
  },
}));
