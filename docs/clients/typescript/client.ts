import { setTimeout } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { StreamProxyService } from "./gen/cream/v1/stream_proxy_pb.ts";

const address = process.env.STREAM_PROXY_ADDRESS ?? "localhost:50052";
const client = createClient(
  StreamProxyService,
  createGrpcTransport({ baseUrl: `http://${address}` }),
);
/** The proxy restarts, is away, or the connection broke. */
const AWAY = new Set([Code.Unavailable, Code.Aborted, Code.Canceled]);

for (;;) {
  try {
    const stream = client.streamQuotes({ symbols: ["AAPL", "MSFT"] });
    for await (const { quote } of stream) {
      if (!quote) continue;
      console.log(`${quote.symbol} ${quote.bidPrice} x ${quote.askPrice}`);
    }
  } catch (error) {
    // Anything else is our mistake, and would happen again.
    if (!AWAY.has(ConnectError.from(error).code)) throw error;
  }
  await setTimeout(1000);
}
