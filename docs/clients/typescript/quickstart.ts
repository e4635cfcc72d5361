import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { StreamProxyService } from "./gen/cream/v1/stream_proxy_pb.ts";

const address = process.env.STREAM_PROXY_ADDRESS ?? "localhost:50052";
const transport = createGrpcTransport({ baseUrl: `http://${address}` });
const client = createClient(StreamProxyService, transport);

for await (const { quote } of client.streamQuotes({ symbols: ["AAPL"] })) {
  console.log(quote?.symbol, quote?.bidPrice, quote?.askPrice);
}
