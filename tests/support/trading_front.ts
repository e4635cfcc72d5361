/**
 * One base URL for the REST API and the trading stream, as bots expect them: requests go to the
 * simulator, WebSockets to the proxy. Adds the account and the positions, which the simulator does
 * not have.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";

const ACCOUNT = {
  id: "904837e3-3b76-47ec-b432-046db621571b",
  account_number: "010203ABCD",
  status: "ACTIVE",
  currency: "USD",
  cash: "100000",
  portfolio_value: "100000",
  equity: "100000",
  buying_power: "200000",
};
const OWN: Readonly<Record<string, unknown>> = {
  "/v2/account": ACCOUNT,
  "/v2/positions": [],
  "/v2/assets": [],
};

/** A running front. */
export interface TradingFront extends AsyncDisposable {
  readonly url: string;
}

/** Starts a front. @param options.rest base URL @param options.websocket base URL */
export async function startTradingFront(
  { rest, websocket }: { readonly rest: string; readonly websocket: string },
): Promise<TradingFront> {
  const sockets = new Set<Duplex>();
  const keep = (socket: Duplex) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((request, response) => void answer(rest, request, response));
  server.on("connection", keep);
  server.on("upgrade", (request, client) => {
    const { hostname, port } = new URL(websocket);
    const behind = connect({ host: hostname, port: Number(port) }, () => {
      const headers = request.rawHeaders.flatMap((name, i, all) =>
        i % 2 === 0 ? [`${name}: ${all[i + 1]}`] : []
      );
      behind.write([`GET ${request.url} HTTP/1.1`, ...headers, "\r\n"].join("\r\n"));
      client.pipe(behind).pipe(client);
    });
    keep(behind);
    client.once("close", () => behind.destroy());
    behind.once("close", () => client.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

async function answer(
  rest: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? "/";
  const own = OWN[path.split("?")[0] ?? ""];
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method = "GET" } = request;
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => name.startsWith("apca-")),
  ) as Record<string, string>;
  const reply = own === undefined
    ? await fetch(rest + path, {
      method,
      headers,
      ...method === "GET" ? {} : { body: await new Blob(chunks as BlobPart[]).bytes() },
    })
    : Response.json(own);
  response.writeHead(reply.status, { "content-type": "application/json" });
  response.end(await reply.text());
}
