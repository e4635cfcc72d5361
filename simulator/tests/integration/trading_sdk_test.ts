/**
 * Proof of fidelity: Alpaca's own npm SDK, unmodified, against the simulator.
 *
 * Under Deno the package offers its REST half only; the streams are in the
 * file next to it, which runs here as it does in Node.
 */
import assert from "node:assert/strict";
import { trading } from "@alpacahq/alpaca-trade-api";
import { type Simulator, startSimulator } from "../../src/simulator.ts";
import type { EngineOptions } from "../../src/trading/order_engine.ts";

interface SdkUpdate {
  readonly event: string;
  readonly timestamp?: Date;
  readonly executionId?: string;
  readonly price?: string;
  readonly qty?: string;
  readonly positionQty?: string;
  readonly order: trading.Order;
}

interface SdkStream {
  connect(): void;
  disconnect(): void;
  subscribeTradeUpdates(): void;
  onTradeUpdate(listener: (update: SdkUpdate) => void): void;
  onError(listener: (message: string) => void): void;
  on(event: string, listener: (...values: unknown[]) => void): void;
  waitForAuthentication(timeoutMs?: number): Promise<boolean>;
}

interface StreamingSdk {
  readonly TradingStream: new (options: {
    url: string;
    credentials: { keyId: string; secret: string };
    reconnect?: boolean;
    initialReconnectMs?: number;
  }) => SdkStream;
}

async function loadStreams(): Promise<StreamingSdk> {
  const rest = import.meta.resolve("@alpacahq/alpaca-trade-api");
  const whole = await import(rest.replace("rest.mjs", "index.mjs"));
  return whole.streaming ?? whole;
}

const CREDENTIALS = { keyId: "SIM_KEY", secret: "SIM_SECRET" };

/** Updates as they come, and a way to wait for more of them. */
class Inbox {
  readonly updates: SdkUpdate[] = [];
  #arrival = Promise.withResolvers<void>();

  take(update: SdkUpdate): void {
    this.updates.push(update);
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  async until(count: number): Promise<SdkUpdate[]> {
    while (this.updates.length < count) await this.#arrival.promise;
    return this.updates;
  }
}

/** The SDK's stream, logged in and listening. */
async function listen(simulator: Simulator) {
  const { TradingStream } = await loadStreams();
  const inbox = new Inbox();
  const errors: string[] = [];
  const stream = new TradingStream({
    url: simulator.streamUrls.trading,
    credentials: CREDENTIALS,
    initialReconnectMs: 20,
  });
  stream.onTradeUpdate((update) => inbox.take(update));
  stream.onError((message) => errors.push(message));
  const listening = (times: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = times;
    stream.on("subscription", () => --left === 0 && resolve());
    return promise;
  };
  const ready = listening(1);
  stream.subscribeTradeUpdates();
  stream.connect();
  await ready;
  return {
    stream,
    inbox,
    errors,
    listening,
    [Symbol.asyncDispose]: async () => {
      stream.disconnect();
      // The SDK closes in the background; wait until the server has seen it.
      while (simulator.trading.stream.connections > 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}

function start(engine: EngineOptions = {}): Promise<Simulator> {
  return startSimulator({
    messagesPerSecond: 0,
    trading: {
      engine: {
        partialFillChance: 0,
        liquidity: "unlimited",
        acceptDelayMs: 1,
        matchIntervalMs: 5,
        ...engine,
      },
    },
  });
}

function ordersApi(simulator: Simulator): trading.OrdersApi {
  return new trading.OrdersApi(
    new trading.Configuration({
      ...CREDENTIALS,
      basePath: simulator.url,
      timeoutMs: 0, // its timer outlives a reply without a body
    }),
  );
}

Deno.test("the official SDK places an order and receives all its updates", async () => {
  await using simulator = await start();
  await using client = await listen(simulator);
  const placed = await ordersApi(simulator).postOrder({
    postOrderRequest: {
      symbol: "AAPL",
      qty: "10",
      side: "buy",
      type: "market",
      timeInForce: "day",
      clientOrderId: "from-the-sdk",
    },
  });
  const updates = await client.inbox.until(3);
  assert.deepEqual(updates.map(({ event }) => event), [
    "pending_new",
    "new",
    "fill",
  ]);
  const fill = updates[2];
  assert.equal(fill?.order.id, placed.id);
  assert.equal(fill?.order.clientOrderId, "from-the-sdk");
  assert.equal(fill?.order.status, "filled");
  assert.equal(fill?.order.filledAvgPrice, fill?.price);
  assert.equal(fill?.qty, "10");
  assert.equal(fill?.positionQty, "10");
  assert.ok(fill?.timestamp instanceof Date);
  assert.match(fill?.executionId ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(client.errors, []);
});

Deno.test("the official SDK's REST client lists, replaces and cancels an order", async () => {
  await using simulator = await start();
  await using client = await listen(simulator);
  const orders = ordersApi(simulator);
  const placed = await orders.postOrder({
    postOrderRequest: {
      symbol: "AAPL",
      qty: "1",
      side: "buy",
      type: "limit",
      limitPrice: "1.00",
      timeInForce: "gtc",
    },
  });
  await client.inbox.until(2);
  const open = await orders.getAllOrders({});
  assert.deepEqual(open.map(({ id }) => id), [placed.id]);
  const next = await orders.patchOrderByOrderId({
    orderId: placed.id ?? "",
    patchOrderRequest: { limitPrice: "2.00" },
  });
  await client.inbox.until(4);
  await orders.deleteOrderByOrderID({ orderId: next.id ?? "" });
  const updates = await client.inbox.until(5);
  assert.deepEqual(updates.map(({ event }) => event), [
    "pending_new",
    "new",
    "replaced",
    "new",
    "canceled",
  ]);
  assert.equal(updates[4]?.order.replaces, placed.id);
  assert.deepEqual(await orders.getAllOrders({}), []);
});

Deno.test("the official SDK reads the account", async () => {
  await using simulator = await start();
  const config = new trading.Configuration({
    ...CREDENTIALS,
    basePath: simulator.url,
  });
  const account = await new trading.AccountsApi(config).getAccount();
  assert.equal(account.status, "ACTIVE");
});

Deno.test("the official SDK reports rejections with Alpaca's codes", async () => {
  await using simulator = await start();
  const request = {
    postOrderRequest: {
      symbol: "NOPE",
      qty: "1",
      side: "buy",
      type: "market",
      timeInForce: "day",
    },
  } as const;
  await assert.rejects(ordersApi(simulator).postOrder(request), {
    name: "ValidationError",
    status: 422,
    code: 42210000,
    message: 'asset "NOPE" not found',
  });
  const stranger = new trading.OrdersApi(
    new trading.Configuration({
      keyId: "SIM_KEY",
      secret: "wrong",
      basePath: simulator.url,
    }),
  );
  await assert.rejects(stranger.getAllOrders({}), { name: "AuthError" });
});

Deno.test("the official SDK is unauthorized with a wrong secret", async () => {
  await using simulator = await start();
  const { TradingStream } = await loadStreams();
  const stream = new TradingStream({
    url: simulator.streamUrls.trading,
    credentials: { keyId: "SIM_KEY", secret: "wrong" },
  });
  stream.onError(() => {});
  stream.connect();
  assert.equal(await stream.waitForAuthentication(5_000), false);
  while (simulator.trading.stream.connections > 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

Deno.test("the official SDK reconnects after its connection was cut", async () => {
  await using simulator = await start();
  await using client = await listen(simulator);
  const again = client.listening(1);
  simulator.connections.drop({ endpoint: "trading" });
  await again;
  simulator.trading.stream.emitTradeUpdate({
    event: "new",
    order: { id: "made-by-hand" },
  });
  const [update] = await client.inbox.until(1);
  assert.equal(update?.order.id, "made-by-hand");
});

Deno.test("the official SDK receives duplicated events", async () => {
  await using simulator = await start();
  await using client = await listen(simulator);
  simulator.faults.copyOrderEvents(2);
  simulator.trading.stream.emitTradeUpdate({
    event: "fill",
    execution_id: "once",
    order: { id: "x" },
  });
  const updates = await client.inbox.until(2);
  assert.deepEqual(updates.map(({ executionId }) => executionId), [
    "once",
    "once",
  ]);
});
