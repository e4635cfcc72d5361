import { connect } from "./client/mod.ts";

const client = connect({ address: process.env.STREAM_PROXY_ADDRESS ?? "localhost:50052" });
const quotes = client.quotes(["AAPL", "MSFT"], {
  snapshot: true,
  onGap: ({ reason, count, symbols }) => console.error("missing:", count, reason, ...symbols),
  onStale: ({ freshness, reason, symbols }) => console.error(freshness, reason, ...symbols),
  onConnection: (change) => change.state === "lost" && console.error(change.error.message),
});

for await (const quote of quotes) {
  console.log(`${quote.symbol} ${quote.bidPrice} x ${quote.askPrice}`);
}
