/// <reference lib="dom" />
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { StreamProxyService } from "./src/gen/cream/v1/stream_proxy_pb.ts";

const query = new URLSearchParams(location.search);
const symbols = (query.get("symbols") ?? "AAPL,MSFT").split(",");

// With STREAM_PROXY_ACCESS each call needs a token. It does not belong into an address.
const authenticate: Interceptor = (next) => (request) => {
  const token = sessionStorage.getItem("token");
  if (token) request.header.set("authorization", `Bearer ${token}`);
  return next(request);
};
const options = {
  baseUrl: query.get("proxy") ?? "http://localhost:8082",
  useBinaryFormat: true,
  interceptors: [authenticate],
};
const transport = query.get("protocol") === "grpc-web"
  ? createGrpcWebTransport(options)
  : createConnectTransport(options);
const client = createClient(StreamProxyService, transport);

const state = document.querySelector("#state")!;
const table = document.querySelector<HTMLTableElement>("#quotes")!;
const rows = new Map<string, HTMLTableRowElement>();

function show(symbol: string, cells: readonly unknown[]): void {
  const row = rows.get(symbol) ?? table.insertRow();
  rows.set(symbol, row);
  row.replaceChildren(...[symbol, ...cells].map((cell) => {
    const td = document.createElement("td");
    td.textContent = String(cell);
    return td;
  }));
}

/** The same request would fail again. */
const FINAL = [
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.NotFound,
  Code.FailedPrecondition,
  Code.Unimplemented,
];

async function stream(): Promise<void> {
  const watch = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  // HTTP/1.1 has no pings: a stream without a heartbeat for 30 s is dead.
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => watch.abort(), 30_000);
  };
  alive();
  try {
    // A snapshot has the last quote of each symbol, so a reconnect needs nothing older.
    const options = { notices: true, snapshot: true, heartbeatInterval: { seconds: 10n } };
    for await (const { quote, notice } of client.streamQuotes({ symbols, options }, watch)) {
      alive();
      if (quote) show(quote.symbol, [quote.bidPrice, quote.askPrice]);
      const { kind } = notice ?? {};
      if (kind?.case === "hello") state.textContent = "connected";
      if (kind?.case === "feed") state.textContent = `connected; ${kind.value.reason}`;
    }
  } finally {
    clearTimeout(timer);
  }
}

for (let delay = 500;; delay = Math.min(2 * delay, 10_000)) {
  const began = Date.now();
  const error = await stream().then(() => undefined, (cause) => ConnectError.from(cause));
  state.textContent = error?.message ?? "ended";
  if (error && FINAL.includes(error.code)) break;
  if (Date.now() - began > 1_000) delay = 500;
  await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random() / 2)));
}
