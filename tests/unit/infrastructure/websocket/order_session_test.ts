import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { OPEN_ACCESS } from "../../../../src/application/access/access.ts";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import type { OpenStream } from "../../../../src/application/streaming/market_streams.ts";
import type { OrderUpdate } from "../../../../src/domain/market/order_events.ts";
import { systemClock } from "../../../../src/infrastructure/clock/system_clock.ts";
import type {
  SessionClient,
  SessionContext,
} from "../../../../src/infrastructure/websocket/client_session.ts";
import { ClientSocket } from "../../../../src/infrastructure/websocket/client_socket.ts";
import { FlushScheduler } from "../../../../src/infrastructure/websocket/flush_scheduler.ts";
import { MessageBudget } from "../../../../src/infrastructure/websocket/message_budget.ts";
import { OrderSession } from "../../../../src/infrastructure/websocket/order_session.ts";
import { ReadRate } from "../../../../src/infrastructure/websocket/read_rate.ts";
import { Turns } from "../../../../src/infrastructure/websocket/turns.ts";
import { AlpacaClient } from "../../../support/alpaca_client.ts";
import { until } from "../../../support/until.ts";

/** More than the buffers of a connection on the loopback interface hold. */
const LARGE_BYTES = 32 * 1024 * 1024;

/** A stream of order updates that a test publishes. */
class TestStream implements OpenStream<Envelope<OrderUpdate>> {
  readonly sent = 0;
  dropped = 0;
  /** Whether its reader has ended. */
  isOver = false;
  readonly #ready: OrderUpdate[][] = [];
  #isDisposed = false;
  #wake = () => {};

  publish(text: string): void {
    this.#ready.push([{ source: new TextEncoder().encode(text) } as OrderUpdate]);
    this.#wake();
  }

  /** Batches that were not taken. */
  get waiting(): number {
    return this.#ready.length;
  }

  async *batches() {
    try {
      while (!this.#isDisposed) {
        const updates = this.#ready.shift();
        if (updates) {
          yield { take: () => updates.map((event) => ({ event }) as Envelope<OrderUpdate>) };
        } else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      this.isOver = true;
    }
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#wake();
  }
}

/** A port with sessions of the trading stream, whose streams a test publishes to. */
async function serve() {
  const streams: TestStream[] = [];
  const open = () => {
    const stream = new TestStream();
    streams.push(stream);
    return stream;
  };
  const turns = new Turns(systemClock, new AbortController().signal);
  const limits = {
    budget: new MessageBudget(1_000_000, systemClock),
    contexts: new MessageBudget(1_000_000),
    turns,
    rate: new ReadRate(100_000, systemClock),
    clock: systemClock,
    maxMessageBytes: 100_000,
    messageTimeoutMs: 10_000,
    onRefused: () => {},
  };
  const context = {
    turns,
    streams: { open },
    clients: { trackConnection: () => new DisposableStack() },
    access: OPEN_ACCESS,
    isOwnSecret: () => false,
    clock: systemClock,
    scheduler: new FlushScheduler(systemClock, () => {}),
    drainReason: () => undefined,
  } as unknown as SessionContext;
  const span = { set: () => {}, end: () => {} };
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (ws: WebSocket, { socket }: IncomingMessage) => {
    const client = { socket: new ClientSocket(ws, socket, limits), span, path: "/stream" };
    const path = { isCarried: true, opcode: "text" } as const;
    new OrderSession(context, client as unknown as SessionClient, path).start();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/stream`,
    streams,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

Deno.test("a client that listens again while an update waits leaves no reader behind", async () => {
  await using port = await serve();
  await using client = new AlpacaClient(port.url);
  await client.opened();
  await client.request({ action: "auth", key: "K", secret: "S" });
  const listen = (...streams: string[]) => client.send({ action: "listen", data: { streams } });
  listen("trade_updates");
  await client.next();
  const [first] = port.streams as [TestStream];
  client.socket.pause();
  first.publish(JSON.stringify({ text: "x".repeat(LARGE_BYTES) }));
  first.publish('{"update":"second"}');
  await until("the second update waits for the first", () => first.waiting === 0);
  listen();
  listen("trade_updates");
  await until("it listens again", () => port.streams.length === 2);
  port.streams[1]?.publish('{"update":"third"}');
  await until("the reader of the first stream has ended", () => first.isOver);
  client.socket.resume();
  const received = await client.take(5);
  assert.deepEqual(received.map(({ stream, update }) => stream ?? update), [
    undefined,
    "listening",
    "listening",
    "second",
    "third",
  ]);
});

Deno.test("a client that has lost an update is closed before it receives a later one", async () => {
  await using port = await serve();
  await using client = new AlpacaClient(port.url);
  await client.opened();
  await client.request({ action: "auth", key: "K", secret: "S" });
  await client.request({ action: "listen", data: { streams: ["trade_updates"] } });
  const [stream] = port.streams as [TestStream];
  stream.publish('{"update":"first"}');
  assert.deepEqual(await client.next(), { update: "first" });
  stream.dropped = 1;
  stream.publish('{"update":"third"}');
  assert.deepEqual(await client.next(), {
    action: "error",
    data: { error_message: "slow client" },
  });
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason], [
    1013,
    "slow client: order updates were lost, read the orders again",
  ]);
  assert.equal(client.waiting, 0);
});
