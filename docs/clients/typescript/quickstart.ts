import { connect } from "./client/mod.ts";

const client = connect({ address: process.env.STREAM_PROXY_ADDRESS ?? "localhost:50052" });

for await (const quote of client.quotes(["AAPL"], { snapshot: true })) {
  console.log(quote.symbol, quote.bidPrice, quote.askPrice);
}
