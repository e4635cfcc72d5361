/**
 * The whole way, once per RPC: known elements leave the simulator, and clients
 * of others, in processes of their own, receive them field by field.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  compileForPython,
  connectEs,
  type ExternalClientKind,
  grpcio,
} from "../support/external_clients.ts";
import { areSubscribed, type Harness, startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";

const protos = await compileForPython();
const CLIENTS: readonly ExternalClientKind[] = [connectEs, grpcio(protos)];

/** One RPC's journey. */
interface Journey {
  readonly method: string;
  readonly request: unknown;
  /** Waits until the symbols of the stream are subscribed at Alpaca. */
  readonly subscribed: (harness: Harness) => boolean;
  readonly emit: (harness: Harness) => void;
  readonly expected: readonly unknown[];
}

const quotes: Journey = {
  method: "streamQuotes",
  request: { symbols: ["AAPL", "BRK.B"] },
  subscribed: ({ simulator }) =>
    areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, [
      "AAPL",
      "BRK.B",
    ]),
  emit: ({ simulator }) =>
    simulator.emit("sip", [
      {
        T: "q",
        S: "AAPL",
        bx: "Q",
        bp: 150.25,
        bs: 300,
        ax: "P",
        ap: 150.27,
        as: 400,
        c: ["R"],
        t: "2024-01-15T10:00:00.123456789Z",
        z: "C",
      },
      {
        T: "q",
        S: "MSFT",
        bx: "Q",
        bp: 1,
        bs: 1,
        ax: "P",
        ap: 2,
        as: 1,
        c: ["R"],
        t: "2024-01-15T10:00:00Z",
        z: "C",
      },
      {
        T: "q",
        S: "BRK.B",
        bx: "",
        bp: 0,
        bs: 0,
        ax: "N",
        ap: 412.0301,
        as: 2147483647,
        c: [],
        t: "2024-01-15T10:00:00.000000001Z",
        z: "A",
      },
    ]),
  expected: [
    {
      quote: {
        symbol: "AAPL",
        timestamp: "2024-01-15T10:00:00.123456789Z",
        bidExchange: "Q",
        bidPrice: 150.25,
        bidSize: 300,
        askExchange: "P",
        askPrice: 150.27,
        askSize: 400,
        conditions: ["R"],
        tape: "C",
      },
    },
    {
      quote: {
        symbol: "BRK.B",
        timestamp: "2024-01-15T10:00:00.000000001Z",
        askExchange: "N",
        askPrice: 412.0301,
        askSize: 2147483647,
        tape: "A",
      },
    },
  ],
};

const trades: Journey = {
  method: "streamTrades",
  request: { symbols: ["AAPL"] },
  subscribed: ({ simulator }) =>
    areSubscribed(simulator, { endpoint: "sip", channel: "trades" }, ["AAPL"]),
  emit: ({ simulator }) =>
    simulator.emit("sip", [
      {
        T: "t",
        S: "AAPL",
        i: 52983525029461,
        x: "D",
        p: 126.55,
        s: 1,
        c: ["@", "I"],
        t: "2024-01-15T10:00:00.5Z",
        z: "C",
      },
      {
        T: "t",
        S: "AAPL",
        // One past what a double can hold.
        i: 9007199254740993n,
        x: "V",
        p: 126.5501,
        s: 100,
        c: [" "],
        t: "2024-01-15T10:00:01Z",
        z: "C",
      },
    ]),
  expected: [
    {
      trade: {
        symbol: "AAPL",
        timestamp: "2024-01-15T10:00:00.500Z",
        tradeId: "52983525029461",
        exchange: "D",
        price: 126.55,
        size: 1,
        conditions: ["@", "I"],
        tape: "C",
      },
    },
    {
      trade: {
        symbol: "AAPL",
        timestamp: "2024-01-15T10:00:01Z",
        tradeId: "9007199254740993",
        exchange: "V",
        price: 126.5501,
        size: 100,
        conditions: [" "],
        tape: "C",
      },
    },
  ],
};

const bars: Journey = {
  method: "streamBars",
  // An empty filter means everything.
  request: {},
  subscribed: ({ simulator }) =>
    areSubscribed(simulator, { endpoint: "sip", channel: "bars" }, ["*"]),
  emit: ({ simulator }) =>
    simulator.emit("sip", [{
      T: "b",
      S: "SPY",
      o: 388.985,
      h: 389.13,
      l: 388.975,
      c: 389.12,
      v: 49378,
      n: 461,
      vw: 389.062639,
      t: "2024-01-15T14:30:00Z",
    }]),
  expected: [{
    bar: {
      symbol: "SPY",
      timestamp: "2024-01-15T14:30:00Z",
      open: 388.985,
      high: 389.13,
      low: 388.975,
      close: 389.12,
      volume: "49378",
      vwap: 389.062639,
      tradeCount: 461,
    },
  }],
};

const optionQuotes: Journey = {
  method: "streamOptionQuotes",
  request: { symbols: ["SPXW990327P04925000"] },
  subscribed: ({ simulator }) =>
    areSubscribed(simulator, { endpoint: "opra", channel: "quotes" }, [
      "SPXW990327P04925000",
    ]),
  emit: ({ simulator }) =>
    simulator.emit("opra", [{
      T: "q",
      S: "SPXW990327P04925000",
      bx: "C",
      bp: 9.46,
      bs: 53,
      ax: "w",
      ap: 9.66,
      as: 38,
      c: "A",
      t: "2024-03-12T11:59:38.897261568Z",
    }]),
  expected: [{
    quote: {
      symbol: "SPXW990327P04925000",
      timestamp: "2024-03-12T11:59:38.897261568Z",
      bidExchange: "C",
      bidPrice: 9.46,
      bidSize: 53,
      askExchange: "w",
      askPrice: 9.66,
      askSize: 38,
      condition: "A",
    },
  }],
};

const optionTrades: Journey = {
  method: "streamOptionTrades",
  request: { symbols: ["AAPL990315C00172500"] },
  subscribed: ({ simulator }) =>
    areSubscribed(simulator, { endpoint: "opra", channel: "trades" }, [
      "AAPL990315C00172500",
    ]),
  emit: ({ simulator }) =>
    simulator.emit("opra", [{
      T: "t",
      S: "AAPL990315C00172500",
      p: 2.84,
      s: 1,
      x: "N",
      c: "S",
      // A whole second travels in the shortest form of the extension.
      t: "2024-03-11T13:35:35Z",
    }]),
  expected: [{
    trade: {
      symbol: "AAPL990315C00172500",
      timestamp: "2024-03-11T13:35:35Z",
      price: 2.84,
      size: 1,
      exchange: "N",
      condition: "S",
    },
  }],
};

const orderUpdates: Journey = {
  method: "streamOrderUpdates",
  request: { orderIds: ["61e69015-8549-4bfd-b9c3-01e75843f47d"] },
  subscribed: ({ proxy }) => proxy.ports.grpc > 0,
  emit: ({ simulator }) =>
    simulator.trading.stream.emitTradeUpdate({
      event: "partial_fill",
      event_id: "01K54Q3V9T6H2D7N8R0A4BCXYZ",
      execution_id: "6f0a7d52-3c1e-4b8a-9a55-0d2b7e61c9f4",
      timestamp: "2026-09-14T10:31:07.401977312-04:00",
      price: "402.110000001",
      qty: "30",
      position_qty: "-130",
      order: {
        id: "61e69015-8549-4bfd-b9c3-01e75843f47d",
        client_order_id: "rebalance-7",
        symbol: "MSFT",
        asset_class: "us_equity",
        order_class: "",
        type: "trailing_stop",
        side: "sell",
        time_in_force: "gtc",
        qty: "100",
        filled_qty: "30",
        filled_avg_price: "402.110000001",
        limit_price: null,
        stop_price: "",
        status: "partially_filled",
        extended_hours: false,
        created_at: "2026-09-14T14:30:00Z",
        updated_at: "2026-09-14T14:31:07.401977312Z",
        submitted_at: "2026-09-14T14:30:00.000001Z",
        filled_at: null,
        legs: null,
        a_field_of_tomorrow: { any: "thing" },
      },
    }),
  expected: [{
    update: {
      event: "ORDER_EVENT_PARTIAL_FILL",
      eventId: "01K54Q3V9T6H2D7N8R0A4BCXYZ",
      timestamp: "2026-09-14T14:31:07.401977312Z",
      order: {
        id: "61e69015-8549-4bfd-b9c3-01e75843f47d",
        clientOrderId: "rebalance-7",
        symbol: "MSFT",
        assetClass: "ASSET_CLASS_US_EQUITY",
        orderClass: "ORDER_CLASS_SIMPLE",
        orderType: "ORDER_TYPE_TRAILING_STOP",
        side: "ORDER_SIDE_SELL",
        timeInForce: "TIME_IN_FORCE_GTC",
        qty: "100",
        filledQty: "30",
        filledAvgPrice: "402.110000001",
        stopPrice: "",
        status: "partially_filled",
        createdAt: "2026-09-14T14:30:00Z",
        updatedAt: "2026-09-14T14:31:07.401977312Z",
        submittedAt: "2026-09-14T14:30:00.000001Z",
      },
      executionId: "6f0a7d52-3c1e-4b8a-9a55-0d2b7e61c9f4",
      price: "402.110000001",
      qty: "30",
      positionQty: "-130",
    },
  }],
};

const JOURNEYS = [
  quotes,
  trades,
  bars,
  optionQuotes,
  optionTrades,
  orderUpdates,
];

for (const journey of JOURNEYS) {
  Deno.test(`${journey.method} carries every field from Alpaca to other clients`, async (t) => {
    await using harness = await startHarness();
    await until(
      "all feeds are connected",
      async () =>
        (await fetch(`${harness.health}/health`).then((r) => r.json()))
          .status ===
          "healthy",
    );
    for (const kind of CLIENTS) {
      await t.step({
        name: kind.missing ? `${kind.name} (skipped: ${kind.missing})` : kind.name,
        ignore: kind.missing !== undefined,
        fn: async () => {
          await using client = kind.start({
            address: harness.address,
            method: journey.method,
            request: journey.request,
            count: journey.expected.length,
          });
          await client.ready;
          await until("it is subscribed", () => journey.subscribed(harness));
          journey.emit(harness);
          assert.deepEqual(await client.messages, journey.expected);
        },
      });
    }
  });
}

for (const kind of CLIENTS) {
  Deno.test({
    name: `getConnectionStatus returns ${kind.name} the state of all feeds${
      kind.missing ? ` (skipped: ${kind.missing})` : ""
    }`,
    ignore: kind.missing !== undefined,
    fn: async () => {
      await using harness = await startHarness({ env: { ALPACA_FEED: "sip" } });
      await until(
        "all feeds are connected",
        async () =>
          (await fetch(`${harness.health}/health`).then((r) => r.json()))
            .status ===
            "healthy",
      );
      await using client = kind.start({
        address: harness.address,
        method: "getConnectionStatus",
        request: {},
        count: 1,
      });
      const [answer] = await client.messages as [
        { status: { feeds: Record<string, unknown>[]; environment: string } },
      ];
      assert.equal(answer.status.environment, "ENVIRONMENT_PAPER");
      assert.deepEqual(
        answer.status.feeds.map(({ feedType, state }) => [feedType, state]),
        [
          ["FEED_TYPE_SIP", "CONNECTION_STATE_CONNECTED"],
          ["FEED_TYPE_OPRA", "CONNECTION_STATE_CONNECTED"],
          ["FEED_TYPE_TRADE_UPDATES", "CONNECTION_STATE_CONNECTED"],
        ],
      );
    },
  });
}

globalThis.addEventListener("unload", () => {
  if (protos) Deno.removeSync(protos, { recursive: true });
});
