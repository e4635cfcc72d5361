/** The bytes that existing clients of the contract were built against. */
import assert from "node:assert/strict";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ProxyStatus } from "../../../../../src/application/status/status.ts";
import type { StreamFilter } from "../../../../../src/application/streaming/market_streams.ts";
import {
  GetConnectionStatusRequestSchema,
  StreamOptionQuotesRequestSchema,
  StreamOrderUpdatesRequestSchema,
  StreamQuotesRequestSchema,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  type ChannelEncoders,
  createEncoders,
} from "../../../../../src/infrastructure/grpc/encoding/channel_encoders.ts";
import { encodeStatus } from "../../../../../src/infrastructure/grpc/encoding/status_response.ts";
import {
  optionFilter,
  orderFilter,
  stockFilter,
} from "../../../../../src/infrastructure/grpc/request_filters.ts";
import {
  GOLDEN_BAR,
  GOLDEN_OPTION_QUOTE,
  GOLDEN_OPTION_TRADE,
  GOLDEN_ORDER_UPDATE,
  GOLDEN_QUOTE,
  GOLDEN_TRADE,
} from "../../../../support/grpc_events.ts";

function encoders(): ChannelEncoders {
  return createEncoders();
}

Deno.test("a stock quote has the bytes of the contract", () => {
  assert.equal(
    encoders().stockQuotes(GOLDEN_QUOTE).toHex(),
    "0a350a044141504c120b08a08494ad0610959aef3a1a0151210000000000c86240280332015039713d0ad7a3c8624040044a0152520143",
  );
});

Deno.test("a stock trade has the bytes of the contract", () => {
  const golden =
    "0a330a044141504c120c08a08494ad061080cab5ee0118d5ecc08183860c220144293333333333a35f4030013a01403a0149420143";
  assert.equal(encoders().stockTrades(GOLDEN_TRADE).toHex(), golden);
  assert.equal(
    encoders().stockTrades({ ...GOLDEN_TRADE, tradeId: 52_983_525_029_461n })
      .toHex(),
    golden,
  );
});

Deno.test("a bar has the bytes of the contract, whatever kind it is", () => {
  const golden =
    "0a410a03535059120608e88295ad0619f6285c8fc24f784021ae47e17a14527840299a999999994f78403152b81e85eb51784038e28103414487c0910051784048cd03";
  for (const kind of ["minute", "updated", "daily"] as const) {
    assert.equal(encoders().stockBars({ ...GOLDEN_BAR, kind }).toHex(), golden);
  }
});

Deno.test("an option quote has the bytes of the contract", () => {
  assert.equal(
    encoders().optionQuotes(GOLDEN_OPTION_QUOTE).toHex(),
    "0a420a1353505857323430333237503034393235303030120c08aa87c1af061080c0ecab031a014321ec51b81e85eb224028353201433952b81e85eb51234040264a0141",
  );
});

Deno.test("an option trade has the bytes of the contract", () => {
  assert.equal(
    encoders().optionTrades(GOLDEN_OPTION_TRADE).toHex(),
    "0a330a134141504c323430333135433030313732353030120b08a791bcaf06108094bd3f19b81e85eb51b8064020012a014e320153",
  );
});

Deno.test("an order update has the bytes of the contract", () => {
  assert.equal(
    encoders().orderUpdates(GOLDEN_ORDER_UPDATE).toHex(),
    "0a980108031203652d311a0608f09095ad06227a0a036f2d311203632d311a044141504c200128013004380240024a0231305201345a053135302e35620331353072107061727469616c6c795f66696c6c6564780182010608b49095ad068a010608f09095ad0692010608b59095ad06ba011b0a036c2d3112044141504c18012201312a01303a013142036e657732053135302e353a0134420136",
  );
});

Deno.test("a status answer has the bytes of the contract", () => {
  const time = (iso: string) => Date.parse(iso);
  const nothing = {
    lastConnectedAt: undefined,
    errorMessage: undefined,
    subscriptionCount: 0,
    reconnectAttempts: 0,
    messagesReceived: 0,
  };
  const status: ProxyStatus = {
    version: "0.1.0",
    startedAt: time("2024-01-15T10:00:00Z"),
    now: time("2024-01-15T10:05:00Z"),
    environment: "PAPER",
    feeds: [
      {
        ...nothing,
        feed: "sip",
        kind: "sip",
        state: "connected",
        lastConnectedAt: time("2024-01-15T10:00:01Z"),
        subscriptionCount: 2,
        messagesReceived: 42,
      },
      {
        ...nothing,
        feed: "opra",
        kind: "opra",
        state: "error",
        errorMessage: "auth failed",
        reconnectAttempts: 3,
      },
      {
        ...nothing,
        feed: "trading",
        kind: "trade_updates",
        state: "reconnecting",
      },
    ],
    clientCount: 5,
    draining: false,
  };
  assert.equal(
    encodeStatus(status).toHex(),
    "0a480a05302e312e30120608a08494ad061a0608cc8694ad062210080110041a0608a18494ad062802382a221308031006220b61757468206661696c6564300322040805100528053002",
  );
});

/** The filter that a request's bytes ask for. */
function asked<D extends DescMessage>(
  schema: D,
  { hex, filter }: {
    readonly hex: string;
    readonly filter: (request: MessageShape<D>) => StreamFilter;
  },
): StreamFilter {
  return filter(fromBinary(schema, Uint8Array.fromHex(hex)));
}

Deno.test("requests in the bytes of the contract ask for what they name", () => {
  assert.deepEqual(
    asked(StreamQuotesRequestSchema, {
      hex: "0a044141504c0a044d534654",
      filter: stockFilter,
    }),
    { symbols: ["AAPL", "MSFT"] },
  );
  assert.deepEqual(
    asked(StreamOptionQuotesRequestSchema, {
      hex: "0a134141504c3234303331354330303137323530301203535059",
      filter: optionFilter,
    }),
    { symbols: ["AAPL240315C00172500"], underlyings: ["SPY"] },
  );
  assert.deepEqual(
    asked(StreamOrderUpdatesRequestSchema, {
      hex: "0a036f2d3112044141504c",
      filter: orderFilter,
    }),
    { symbols: ["AAPL"], orderIds: ["o-1"] },
  );
});

Deno.test("a request without bytes asks for everything, and the status for nothing more", () => {
  assert.deepEqual(
    asked(StreamOptionQuotesRequestSchema, { hex: "", filter: optionFilter }),
    { symbols: [], underlyings: [] },
  );
  const request = create(GetConnectionStatusRequestSchema);
  assert.equal(toBinary(GetConnectionStatusRequestSchema, request).length, 0);
  assert.equal(request.includeSubscriptions, false);
});
