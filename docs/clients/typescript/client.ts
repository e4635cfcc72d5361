import { connect } from "./client/mod.ts";

const { env } = process;
const address = env.STREAM_PROXY_ADDRESS ?? "localhost:50052";
const token = env.STREAM_PROXY_TOKEN || undefined;
if (token && !address.startsWith("https://")) {
  throw new Error("STREAM_PROXY_TOKEN needs an https:// address");
}
/** PEM text of a variable, in which "\n" may stand for line breaks. */
const pem = (name: string) => env[name]?.replaceAll("\\n", "\n");
const tls = {
  ca: pem("STREAM_PROXY_CLIENT_CA"),
  cert: pem("STREAM_PROXY_CLIENT_CERT"),
  key: pem("STREAM_PROXY_CLIENT_KEY"),
};

const client = connect({ address, token, tls });
const quotes = client.quotes(["AAPL", "MSFT"], {
  snapshot: true,
  onGap: ({ reason, count, symbols }) => console.error("missing:", count, reason, ...symbols),
  onStale: ({ freshness, reason, symbols }) => console.error(freshness, reason, ...symbols),
  onConnection: (change) => change.state === "lost" && console.error(change.error.message),
});

for await (const quote of quotes) {
  console.log(`${quote.symbol} ${quote.bidPrice} x ${quote.askPrice}`);
}
