/**
 * The control API: the methods of `Faults`, `Connections` and `Simulator` as
 * JSON over HTTP, for shells and for tests in other languages.
 *
 * | Request | Body | Effect |
 * | --- | --- | --- |
 * | `GET /_control/sessions` | | connections and ghost sessions |
 * | `GET /_control/requests` | | client requests of the market streams |
 * | `GET /_control/ledger` | `?kind&symbol&after&…` | what was produced and sent |
 * | `GET /_control/orders` | `?account` | orders with their legs |
 * | `GET /_control/order-ledger` | `?account&order&after&limit` | order events and deliveries |
 * | `GET /_control/rate` | | `{messagesPerSecond}` |
 * | `POST /_control/rate` | `{messagesPerSecond}` | sets it, 0 to 200 000 |
 * | `POST /_control/emit` | `{endpoint, elements}` | sends messages to subscribers |
 * | `POST /_control/emit-raw` | `{endpoint, text}` or `{endpoint, base64}` | sends a raw frame |
 * | `POST /_control/drop` | `{endpoint?, connection?, clean?, code?, reason?}` | ends connections |
 * | `POST /_control/half-open` | `{endpoint?, connection?}` | stops reading and writing |
 * | `POST /_control/mute` | `{endpoint?, connection?, data?, acks?, pongs?}` | stops sending |
 * | `POST /_control/unmute` | `{endpoint?, connection?}` | ends `mute` |
 * | `POST /_control/slow-client` | `{endpoint?, connection?}` | closes with 407 |
 * | `POST /_control/mute-stream` | `{endpoint?, replies?}` | stops its data |
 * | `POST /_control/unmute-stream` | `{endpoint?}` | ends `mute-stream` |
 * | `POST /_control/mute-symbol` | `{symbol, endpoint?, channel?}` | stops the data of one symbol |
 * | `POST /_control/unmute-symbol` | `{symbol, endpoint?, channel?}` | ends `mute-symbol` |
 * | `POST /_control/malform-next` | `{endpoint?, channel?, symbol?, count?}` | malforms messages |
 * | `POST /_control/refuse-symbols` | `{symbols, endpoint?, code?}` | rejects them; 0: silently |
 * | `POST /_control/accept-symbols` | `{endpoint?}` | ends `refuse-symbols` |
 * | `POST /_control/slow-ack` | `{endpoint?, ms}` | delays acknowledgements |
 * | `POST /_control/delay-data` | `{endpoint?, ms}` | delays market data |
 * | `POST /_control/lose-ack` | `{endpoint?, count?}` | drops acknowledgements |
 * | `POST /_control/duplicate-ack` | `{endpoint?, count?}` | sends acknowledgements twice |
 * | `POST /_control/fail-next` | `{endpoint?, action, code, count?}` | error on auth or subscribe |
 * | `POST /_control/reject-upgrades` | `{endpoint?, status, count?}` | rejects upgrades |
 * | `POST /_control/malformed` | `{endpoint, symbol?}` | sends malformed messages |
 * | `POST /_control/unknown-type` | `{endpoint, symbol?}` | sends a message of an unknown type |
 * | `POST /_control/mixed-frame` | `{endpoint, symbol?, count?}` | sends a large mixed frame |
 * | `POST /_control/late-trades` | `{count?}` | makes the next trades late |
 * | `POST /_control/correct-trades` | `{count?}` | corrects the next trades |
 * | `POST /_control/cancel-trades` | `{count?}` | cancels the next trades |
 * | `POST /_control/market-event` | `{event, symbol, endpoint?}` | see below |
 * | `POST /_control/news` | `{symbols?, bytes?}` | publishes an article of about this size |
 * | `POST /_control/split` | `{symbol, ratio}` | splits the shares of a stock, `ratio` for 1 |
 * | `POST /_control/order` | `{body, submittedAt?, account?}` | submits or injects an order |
 * | `POST /_control/order-event` | `{order, event, …}` | see below |
 * | `POST /_control/copy-orders` | `{copies, count?}` | duplicates or drops (0) order events |
 * | `POST /_control/delay-orders` | `{ms}` | delays order events |
 * | `POST /_control/fail-requests` | `{status, count?}` | HTTP status of the next REST replies |
 * | `POST /_control/fail-rest` | `{kind, path?, status?, retryAfterSeconds?, count?}` | see below |
 * | `POST /_control/clear-rest` | | ends `fail-rest` and `fail-requests` |
 * | `POST /_control/delay-requests` | `{ms}` | delays REST replies |
 * | `POST /_control/clear-ghosts` | | ends ghost sessions |
 * | `POST /_control/reset` | | ends all faults, mutes and ghost sessions |
 *
 * `endpoint` is the name of a stream (`sip`, `opra`, …) or `trading`; if it is
 * optional and missing, the request applies to all of them. An invalid request
 * is answered with 400 and `{message}`, an unknown one with 404. There is no
 * authentication: the simulator listens on 127.0.0.1 by default.
 *
 * @module
 */
import type { Connections } from "./connections.ts";
import { BodyReader } from "./control/body_reader.ts";
import {
  listOrders,
  makeOrderEvent,
  placeOrder,
  readOrderLedger,
} from "./control/order_actions.ts";
import { readLedger } from "./control/ledger_view.ts";
import type { Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import type { Market } from "./market/market.ts";
import type { MarketEvent } from "./market/stock_feed.ts";
import { malformedMessages, mixedMessages, unknownMessage } from "./malformed_messages.ts";
import type { RestFaultKind } from "./rest_faults.ts";
import { endpointNamed } from "./protocol/endpoints.ts";
import { encodeJson } from "./protocol/encoding.ts";
import type { Encodable, StreamMessage } from "./protocol/messages.ts";
import { OrderRejection } from "./trading/order_request.ts";
import type { Trading } from "./trading/trading.ts";

const PREFIX = "/_control/";

/** The part of the simulator that the control API uses. */
interface Controlled {
  readonly faults: Faults;
  readonly connections: Connections;
  readonly ledger: Ledger;
  readonly trading: Trading;
  readonly defaultAccount: string;
  readonly market: Market;
  sessions(): unknown;
  requests(): unknown;
  emit(endpoint: string, messages: readonly StreamMessage[]): number;
  emitRaw(
    endpoint: string,
    frame: string | Uint8Array | readonly Encodable[],
  ): number;
  clearGhosts(): void;
}

type Action = (simulator: Controlled, body: BodyReader) => unknown;

const GET_ACTIONS: Readonly<Record<string, Action>> = {
  "sessions": (simulator) => simulator.sessions(),
  "requests": (simulator) => simulator.requests(),
  "ledger": ({ ledger }, query) => readLedger(ledger, query),
  "orders": listOrders,
  "order-ledger": readOrderLedger,
  "rate": ({ market }) => ({ messagesPerSecond: market.messagesPerSecond }),
};

const STREAM_ACTIONS: Readonly<Record<string, Action>> = {
  "emit": (simulator, body) => ({
    delivered: simulator.emit(body.text("endpoint"), body.messages()),
  }),
  "emit-raw": (simulator, body) => ({
    sessions: simulator.emitRaw(body.text("endpoint"), body.frame()),
  }),
  "malformed": (simulator, body) => ({
    sessions: simulator.emitRaw(
      body.text("endpoint"),
      malformedMessages(body.text("symbol", "AAPL")),
    ),
  }),
  "unknown-type": (simulator, body) => ({
    sessions: simulator.emitRaw(body.text("endpoint"), [
      unknownMessage(body.text("symbol", "AAPL")),
    ]),
  }),
  "mixed-frame": (simulator, body) => ({
    sessions: simulator.emitRaw(
      body.text("endpoint"),
      mixedMessages(body.text("symbol", "AAPL"), body.number("count", 10_000)),
    ),
  }),
  "rate": ({ market }, body) => {
    market.messagesPerSecond = body.number("messagesPerSecond");
    return { messagesPerSecond: market.messagesPerSecond };
  },
};

const MARKET_ACTIONS: Readonly<Record<string, Action>> = {
  "market-event": ({ market }, body) => {
    const { name } = endpointNamed(body.text("endpoint", "sip"));
    // `trigger` rejects unknown events.
    const event = body.text("event") as MarketEvent;
    market.trigger(event, { symbol: body.text("symbol"), endpoint: name });
  },
  "news": ({ market }, body) => {
    const bytes = body.optionalNumber("bytes");
    const symbols = body.optionalTexts("symbols");
    const { id } = market.publishArticle({
      ...(symbols === undefined ? {} : { symbols }),
      ...(bytes === undefined ? {} : { bytes }),
    });
    return { id };
  },
  "split": ({ market }, body) => market.split(body.text("symbol"), body.number("ratio")),
};

const ORDER_ACTIONS: Readonly<Record<string, Action>> = {
  "order": placeOrder,
  "order-event": makeOrderEvent,
};

const CONNECTION_ACTIONS: Readonly<Record<string, Action>> = {
  "drop": ({ connections }, body) => ({
    connections: connections.drop(body.selector(), {
      clean: body.flag("clean", false),
      code: body.number("code", 1000),
      reason: body.text("reason", ""),
    }),
  }),
  "half-open": ({ connections }, body) => ({
    connections: connections.halfOpen(body.selector()),
  }),
  "mute": ({ connections }, body) => ({
    connections: connections.mute(body.selector(), {
      data: body.flag("data", true),
      acks: body.flag("acks", true),
      pongs: body.flag("pongs", true),
    }),
  }),
  "slow-client": ({ connections }, body) => ({
    connections: connections.closeSlow(body.selector()),
  }),
  "unmute": ({ connections }, body) => ({
    connections: connections.unmute(body.selector()),
  }),
  "reset": (simulator) => {
    simulator.faults.reset();
    simulator.clearGhosts();
    return { connections: simulator.connections.unmute() };
  },
  "clear-ghosts": (simulator) => simulator.clearGhosts(),
};

const FAULT_ACTIONS: Readonly<Record<string, Action>> = {
  "mute-stream": ({ faults }, body) =>
    faults.muteStream(body.text("endpoint", "*"), { replies: body.flag("replies", true) }),
  "unmute-stream": ({ faults }, body) => faults.unmuteStream(body.text("endpoint", "*")),
  "mute-symbol": ({ faults }, body) => faults.muteSymbol(body.text("symbol"), body.place()),
  "unmute-symbol": ({ faults }, body) => faults.unmuteSymbol(body.text("symbol"), body.place()),
  "malform-next": ({ faults }, body) => {
    const symbol = body.optionalText("symbol");
    faults.malformNext({
      ...body.place(),
      ...(symbol === undefined ? {} : { symbol }),
      count: body.number("count", 1),
    });
  },
  "refuse-symbols": ({ faults }, body) =>
    faults.refuseSymbols(body.texts("symbols"), {
      endpoint: body.text("endpoint", "*"),
      code: body.number("code", 400),
    }),
  "accept-symbols": ({ faults }, body) => faults.acceptSymbols(body.text("endpoint", "*")),
  "slow-ack": ({ faults }, body) => faults.slowAcks(body.text("endpoint", "*"), body.number("ms")),
  "delay-data": ({ faults }, body) =>
    faults.delayData(body.text("endpoint", "*"), body.number("ms")),
  "lose-ack": ({ faults }, body) =>
    faults.loseAcks(body.text("endpoint", "*"), body.number("count", 1)),
  "duplicate-ack": ({ faults }, body) =>
    faults.duplicateAcks(body.text("endpoint", "*"), body.number("count", 1)),
  "fail-next": ({ faults }, body) =>
    faults.failNext(body.text("endpoint", "*"), body.action(), {
      code: body.number("code"),
      count: body.number("count", 1),
    }),
  "reject-upgrades": ({ faults }, body) =>
    faults.rejectUpgrades(
      body.text("endpoint", "*"),
      body.number("status"),
      body.number("count", 1),
    ),
  "late-trades": ({ faults }, body) => faults.lateTrades(body.number("count", 1)),
  "correct-trades": ({ faults }, body) => faults.correctTrades(body.number("count", 1)),
  "cancel-trades": ({ faults }, body) => faults.cancelTrades(body.number("count", 1)),
  "copy-orders": ({ faults }, body) =>
    faults.copyOrderEvents(body.number("copies"), body.number("count", 1)),
  "delay-orders": ({ faults }, body) => faults.delayOrderEvents(body.number("ms")),
  "fail-requests": ({ faults }, body) =>
    faults.failRequests(body.number("status"), body.number("count", 1)),
  "fail-rest": ({ faults }, body) => {
    const path = body.optionalText("path");
    const status = body.optionalNumber("status");
    const retryAfterSeconds = body.optionalNumber("retryAfterSeconds");
    faults.failRest({
      // `failRest` rejects unknown kinds.
      kind: body.text("kind") as RestFaultKind,
      ...(path === undefined ? {} : { path }),
      ...(status === undefined ? {} : { status }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      count: body.number("count", 1),
    });
  },
  "clear-rest": ({ faults }) => faults.clearRest(),
  "delay-requests": ({ faults }, body) => faults.delayRequests(body.number("ms")),
};

const POST_ACTIONS: Readonly<Record<string, Action>> = {
  ...STREAM_ACTIONS,
  ...MARKET_ACTIONS,
  ...ORDER_ACTIONS,
  ...CONNECTION_ACTIONS,
  ...FAULT_ACTIONS,
};

/** Replies to a control request; undefined for other paths. */
export async function answerControl(
  request: Request,
  simulator: Controlled,
): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(PREFIX)) return undefined;
  const actions = request.method === "GET" ? GET_ACTIONS : POST_ACTIONS;
  const name = pathname.slice(PREFIX.length);
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (!action) return failure(404, `no ${request.method} ${pathname}`);
  try {
    const body = new BodyReader(await readMembers(request));
    const result = action(simulator, body) ?? { ok: true };
    // Not JSON.stringify: 64-bit trade ids are written digit by digit.
    return new Response(encodeJson(result), {
      headers: { "content-type": "application/json" },
    });
  } catch (error) {
    const isInvalid = error instanceof RangeError || error instanceof SyntaxError ||
      error instanceof OrderRejection;
    if (isInvalid) {
      return failure(400, error.message);
    }
    throw error;
  }
}

/** The JSON body, or the query of a GET with whole numbers as such. */
async function readMembers(request: Request): Promise<unknown> {
  if (request.method !== "GET") {
    const text = await request.text();
    return text === "" ? {} : JSON.parse(text);
  }
  const query = [...new URL(request.url).searchParams];
  return Object.fromEntries(
    query.map(([name, text]) => [name, /^\d{1,15}$/.test(text) ? Number(text) : text]),
  );
}

function failure(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
