/**
 * A well-behaved client in its own process: streams stock quotes, option quotes
 * and order updates through the proxy, and the same stock quotes directly from
 * the simulator as a control.
 *
 * @module
 */
import { answerCommands } from "../../bench/control.ts";
import { ReaderConnection } from "../../bench/http2/reader_connection.ts";
import { pathOf, texts } from "../rig/messages.ts";
import { ArrivalLog, longestGap, longestProxyGap } from "./gaps.ts";

/** What the client subscribes to. */
export interface ReferencePlan {
  readonly grpc: number;
  readonly stocks: readonly string[];
  readonly options: readonly string[];
  /** The simulator's stock stream, and the account for it. */
  readonly controlUrl: string;
  readonly key: string;
  readonly secret: string;
  /** Token for the proxy. @default none */
  readonly token?: string | undefined;
}

/** What the client received since the last reset. */
export interface ReferenceReport {
  /** Longest time without a stock quote while the control received some, in ms. */
  readonly gapMs: number;
  /** The same without the correction. */
  readonly rawGapMs: number;
  /** Longest time without a stock quote from the simulator, in ms. */
  readonly controlGapMs: number;
  readonly stockQuotes: number;
  readonly optionQuotes: number;
  readonly orderUpdates: number;
  /** Streams that ended since they were opened. */
  readonly lost: number;
}

const STREAMS = 3;

const now = () => performance.now();
const arrivals = new ArrivalLog(now());
const controlArrivals = new ArrivalLog(now());
let connections: ReaderConnection[] = [];
let counted = { optionQuotes: 0, orderUpdates: 0 };

async function open(plan: ReferencePlan): Promise<void> {
  for (const connection of connections) connection.close();
  const stocks = await ReaderConnection.open(
    { port: plan.grpc },
    () => arrivals.record(now()),
  );
  const options = await ReaderConnection.open({ port: plan.grpc }, () => {});
  const orders = await ReaderConnection.open({ port: plan.grpc }, () => {});
  connections = [stocks, options, orders];
  const { token } = plan;
  const read = true;
  stocks.openStream({
    path: pathOf("StreamQuotes"),
    message: texts(1, plan.stocks),
    read,
    token,
  });
  options.openStream({
    path: pathOf("StreamOptionQuotes"),
    message: texts(1, plan.options),
    read,
    token,
  });
  orders.openStream({
    path: pathOf("StreamOrderUpdates"),
    message: texts(1, []),
    read,
    token,
  });
}

/** Subscribes to the stock quotes of the simulator without the proxy. */
function follow({ controlUrl, key, secret, stocks }: ReferencePlan): void {
  const socket = new WebSocket(controlUrl);
  socket.binaryType = "arraybuffer";
  const send = (message: unknown) => socket.send(JSON.stringify(message));
  socket.addEventListener("message", ({ data }) => {
    const text = typeof data === "string" ? data : new TextDecoder().decode(data);
    if (text.includes('"T":"q"')) return controlArrivals.record(now());
    if (text.includes('"connected"')) send({ action: "auth", key, secret });
    if (text.includes('"authenticated"')) {
      send({ action: "subscribe", quotes: stocks });
    }
  });
}

function counts() {
  const [, options, orders] = connections;
  return {
    optionQuotes: options?.messages ?? 0,
    orderUpdates: orders?.messages ?? 0,
  };
}

await answerCommands({
  open,
  follow,
  reset(): void {
    arrivals.reset(now());
    controlArrivals.reset(now());
    counted = counts();
  },
  report(): ReferenceReport {
    const gaps = arrivals.gaps(now());
    const control = controlArrivals.gaps(now());
    const { optionQuotes, orderUpdates } = counts();
    const ended = connections.reduce((sum, one) => sum + one.ended, 0);
    return {
      gapMs: longestProxyGap(gaps, control),
      rawGapMs: longestGap(gaps),
      controlGapMs: longestGap(control),
      stockQuotes: arrivals.arrivals,
      optionQuotes: optionQuotes - counted.optionQuotes,
      orderUpdates: orderUpdates - counted.orderUpdates,
      lost: connections.length === 0 ? STREAMS : ended,
    };
  },
});
