/**
 * The control API: what `Faults`, `Connections` and `Simulator` can do, as
 * JSON over HTTP for demos, shells and tests in other languages.
 *
 * | Request | Body | Effect |
 * | --- | --- | --- |
 * | `GET /_control/sessions` | | who is connected, and the ghosts |
 * | `GET /_control/requests` | | client requests of the market streams |
 * | `GET /_control/rate` | | `{messagesPerSecond}` |
 * | `POST /_control/rate` | `{messagesPerSecond}` | sets it, 0 to 200 000 |
 * | `POST /_control/emit` | `{endpoint, elements}` | sends elements to subscribers |
 * | `POST /_control/emit-raw` | `{endpoint, text}` or `{endpoint, base64}` | sends a frame as it is |
 * | `POST /_control/drop` | `{endpoint?, connection?, clean?, code?, reason?}` | ends connections |
 * | `POST /_control/half-open` | `{endpoint?, connection?}` | neither reads nor writes any more |
 * | `POST /_control/mute` | `{endpoint?, connection?, data?, acks?, pongs?}` | silences connections |
 * | `POST /_control/unmute` | `{endpoint?, connection?}` | ends it |
 * | `POST /_control/mute-symbol` | `{symbol}` | no data of one symbol |
 * | `POST /_control/unmute-symbol` | `{symbol}` | ends it |
 * | `POST /_control/slow-ack` | `{endpoint?, ms}` | delays acknowledgements |
 * | `POST /_control/delay-data` | `{endpoint?, ms}` | market data arrives late |
 * | `POST /_control/lose-ack` | `{endpoint?, count?}` | loses acknowledgements |
 * | `POST /_control/duplicate-ack` | `{endpoint?, count?}` | repeats them |
 * | `POST /_control/fail-next` | `{endpoint?, action, code, count?}` | error on `auth` or `subscribe` |
 * | `POST /_control/reject-upgrades` | `{endpoint?, status, count?}` | HTTP status at the upgrade |
 * | `POST /_control/malformed` | `{endpoint, symbol?}` | elements that break the tables |
 * | `POST /_control/unknown-type` | `{endpoint, symbol?}` | an element of an unknown type |
 * | `POST /_control/mixed-frame` | `{endpoint, symbol?, count?}` | one giant frame, good and bad |
 * | `POST /_control/late-trades` | `{count?}` | next trades out of order |
 * | `POST /_control/correct-trades` | `{count?}` | corrections of the next trades |
 * | `POST /_control/cancel-trades` | `{count?}` | cancels of the next trades |
 * | `POST /_control/copy-orders` | `{copies, count?}` | duplicates (2) or loses (0) order events |
 * | `POST /_control/delay-orders` | `{ms}` | delays order events |
 * | `POST /_control/fail-requests` | `{status, count?}` | HTTP status of the next REST replies |
 * | `POST /_control/delay-requests` | `{ms}` | delays REST replies |
 * | `POST /_control/clear-ghosts` | | frees the ghosts' places |
 * | `POST /_control/reset` | | ends all faults, mutes and ghosts |
 *
 * `endpoint` is a stream's name (`sip`, `opra`, …) or `trading`; where it is
 * optional, leaving it out means all. A bad request is answered with 400 and
 * `{message}`, an unknown one with 404. There is no authentication: bind the
 * simulator to loopback, as it is by default.
 *
 * @module
 */
import type { Connections } from "../connections.ts";
import type { Encodable, HandMadeElement } from "../protocol/elements.ts";
import { BodyReader } from "./control_body.ts";
import type { Faults } from "./faults.ts";
import {
  malformedElements,
  mixedElements,
  unknownElement,
} from "./odd_elements.ts";

const PREFIX = "/_control/";

/** What the control API controls: the simulator. */
export interface Controlled {
  readonly faults: Faults;
  readonly connections: Connections;
  readonly market: { messagesPerSecond: number };
  sessions(): unknown;
  requests(): unknown;
  /** Sends elements to subscribers; how many got some. */
  emit(endpoint: string, elements: readonly HandMadeElement[]): number;
  /** Sends a frame as it is; how many sessions got it. */
  emitRaw(
    endpoint: string,
    frame: string | Uint8Array | readonly Encodable[],
  ): number;
  clearGhosts(): void;
}

type Action = (simulator: Controlled, body: BodyReader) => unknown;

const QUESTIONS: Readonly<Record<string, Action>> = {
  "sessions": (simulator) => simulator.sessions(),
  "requests": (simulator) => simulator.requests(),
  "rate": ({ market }) => ({ messagesPerSecond: market.messagesPerSecond }),
};

const STREAM_ORDERS: Readonly<Record<string, Action>> = {
  "emit": (simulator, body) => ({
    delivered: simulator.emit(body.text("endpoint"), body.elements()),
  }),
  "emit-raw": (simulator, body) => ({
    sessions: simulator.emitRaw(body.text("endpoint"), body.frame()),
  }),
  "malformed": (simulator, body) => ({
    sessions: simulator.emitRaw(
      body.text("endpoint"),
      malformedElements(body.text("symbol", "AAPL")),
    ),
  }),
  "unknown-type": (simulator, body) => ({
    sessions: simulator.emitRaw(body.text("endpoint"), [
      unknownElement(body.text("symbol", "AAPL")),
    ]),
  }),
  "mixed-frame": (simulator, body) => ({
    sessions: simulator.emitRaw(
      body.text("endpoint"),
      mixedElements(body.text("symbol", "AAPL"), body.number("count", 10_000)),
    ),
  }),
  "rate": ({ market }, body) => {
    market.messagesPerSecond = body.number("messagesPerSecond");
    return { messagesPerSecond: market.messagesPerSecond };
  },
};

const CONNECTION_ORDERS: Readonly<Record<string, Action>> = {
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

const FAULT_ORDERS: Readonly<Record<string, Action>> = {
  "mute-symbol": ({ faults }, body) => faults.muteSymbol(body.text("symbol")),
  "unmute-symbol": ({ faults }, body) =>
    faults.unmuteSymbol(body.text("symbol")),
  "slow-ack": ({ faults }, body) =>
    faults.slowAcks(body.text("endpoint", "*"), body.number("ms")),
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
  "late-trades": ({ faults }, body) =>
    faults.lateTrades(body.number("count", 1)),
  "correct-trades": ({ faults }, body) =>
    faults.correctTrades(body.number("count", 1)),
  "cancel-trades": ({ faults }, body) =>
    faults.cancelTrades(body.number("count", 1)),
  "copy-orders": ({ faults }, body) =>
    faults.copyOrderEvents(body.number("copies"), body.number("count", 1)),
  "delay-orders": ({ faults }, body) =>
    faults.delayOrderEvents(body.number("ms")),
  "fail-requests": ({ faults }, body) =>
    faults.failRequests(body.number("status"), body.number("count", 1)),
  "delay-requests": ({ faults }, body) =>
    faults.delayRequests(body.number("ms")),
};

const ORDERS: Readonly<Record<string, Action>> = {
  ...STREAM_ORDERS,
  ...CONNECTION_ORDERS,
  ...FAULT_ORDERS,
};

/** Answers a control request; undefined when the path is not one. */
export async function answerControl(
  request: Request,
  simulator: Controlled,
): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(PREFIX)) return undefined;
  const actions = request.method === "GET" ? QUESTIONS : ORDERS;
  const name = pathname.slice(PREFIX.length);
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (!action) return failure(404, `no ${request.method} ${pathname}`);
  try {
    const body = new BodyReader(await readJson(request));
    return Response.json(action(simulator, body) ?? { ok: true });
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) {
      return failure(400, error.message);
    }
    throw error;
  }
}

async function readJson(request: Request): Promise<unknown> {
  const text = request.method === "GET" ? "" : await request.text();
  return text === "" ? {} : JSON.parse(text);
}

function failure(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
