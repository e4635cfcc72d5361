import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { StreamProxyService } from "./gen/cream/v1/stream_proxy_pb.ts";

const baseUrl = `http://${process.env.STREAM_PROXY_ADDRESS ?? "localhost:50052"}`;
// Detects a dead connection within 30 s.
const keepalive = { pingIntervalMs: 20_000, pingTimeoutMs: 10_000 };
// A small receive window: a client that reads slowly is not minutes behind.
const settings = { initialWindowSize: 16_384 };
const sessionManager = new Http2SessionManager(baseUrl, keepalive, { settings });
const transport = createGrpcTransport({ baseUrl, sessionManager });
const client = createClient(StreamProxyService, transport);
/** Errors in our own request. Every other end of a stream is retried. */
const PERMANENT = new Set([
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.Unimplemented,
  Code.NotFound,
  Code.FailedPrecondition,
]);

for (let delay = 500;;) {
  const started = Date.now();
  let accepted = false;
  const onHeader = () => void (accepted = true);
  // connect-node has no dial timeout.
  const dialing = setTimeout(() => {
    if (sessionManager.state() === "connecting") sessionManager.abort();
  }, 10_000);
  try {
    const request = { symbols: ["AAPL", "MSFT"] };
    for await (const { quote } of client.streamQuotes(request, { onHeader })) {
      if (!quote) continue;
      console.log(`${quote.symbol} ${quote.bidPrice} x ${quote.askPrice}`);
    }
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    // A stream that breaks off may end in InvalidArgument too.
    if (PERMANENT.has(code) && !accepted) throw error;
    console.error(message);
  }
  clearTimeout(dialing);
  // A stream that lasted a second resets the delay; others double it.
  delay = Date.now() - started > 1000 ? 500 : Math.min(2 * delay, 10_000);
  await sleep(delay * (0.5 + Math.random() / 2));
}
