/**
 * One HTTP server for WebSockets and plain requests.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";

/** Maximum of bytes that are read of a request body. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Longer client messages close the socket with 1009. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** The answer to an upgrade request: an HTTP status, or a socket. */
export type UpgradeDecision =
  | { readonly status: number }
  | { readonly accept: (ws: WebSocket) => void };

/** Settings and handlers of a server. */
interface ServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Whether permessage-deflate is accepted when a client offers it. */
  readonly compression: boolean;
  readonly decideUpgrade: (request: IncomingMessage) => UpgradeDecision;
  readonly handleHttp: (request: Request) => Promise<Response>;
}

/** A listening server. */
export interface Server extends AsyncDisposable {
  readonly port: number;
}

/**
 * Starts the server. Rejects with the system's error when the port is taken.
 * Disposing it cuts every connection; it is idempotent.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const http = createServer((incoming, outgoing) => {
    answerHttp(incoming, outgoing, options.handleHttp);
  });
  const sockets = new Set<Duplex>();
  http.on("connection", (socket: Duplex) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const upgrader = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: options.compression,
    autoPong: false,
  });
  http.on("upgrade", (request: IncomingMessage, socket, head) => {
    // The client may disconnect before the reply.
    socket.on("error", () => {});
    const decision = options.decideUpgrade(request);
    if ("status" in decision) return reject(socket, decision.status);
    upgrader.handleUpgrade(request, socket, head, decision.accept);
  });
  const port = await listen(http, options);
  let stopped: Promise<void> | undefined;
  return {
    port,
    [Symbol.asyncDispose]: () => stopped ??= stop(http, sockets),
  };
}

function listen(
  http: ReturnType<typeof createServer>,
  { hostname, port }: ServerOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, hostname, () => {
      http.off("error", reject);
      // The address of a TCP server is always an AddressInfo.
      resolve((http.address() as AddressInfo).port);
    });
  });
}

function stop(
  http: ReturnType<typeof createServer>,
  sockets: ReadonlySet<Duplex>,
): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  });
}

function reject(socket: Duplex, status: number): void {
  const text = STATUS_CODES[status] ?? "Refused";
  const body = JSON.stringify({ message: text });
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}` +
      `\r\n\r\n${body}`,
  );
}

/** Replies to a node:http request; 500 if the handler throws. */
async function answerHttp(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: ServerOptions["handleHttp"],
): Promise<void> {
  // A client that disconnects is not an error.
  outgoing.on("error", () => {});
  try {
    const response = await handler(await toRequest(incoming));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    await writeBody(response, outgoing);
  } catch (error) {
    if (outgoing.destroyed || outgoing.headersSent) return void outgoing.destroy();
    const status = error instanceof BodyTooLarge ? 413 : 500;
    const message = error instanceof Error ? error.message : String(error);
    outgoing.writeHead(status, { "content-type": "application/json" });
    outgoing.end(JSON.stringify({ message }));
  }
}

/** Writes a body; one that ends with an error cuts the connection. */
async function writeBody(response: Response, outgoing: ServerResponse): Promise<void> {
  if (response.body === null) return void outgoing.end();
  for await (const chunk of response.body) {
    await new Promise((resolve) => outgoing.write(chunk, resolve));
  }
  outgoing.end();
}

class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const method = incoming.method ?? "GET";
  const host = incoming.headers.host ?? "localhost";
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === "string") headers.set(name, value);
    else for (const item of value ?? []) headers.append(name, item);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(new URL(incoming.url ?? "/", `http://${host}`), {
    method,
    headers,
    ...(hasBody ? { body: await readBody(incoming) } : {}),
  });
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of incoming) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BODY_BYTES) {
      throw new BodyTooLarge(`the body is over ${MAX_BODY_BYTES} bytes`);
    }
  }
  return text + decoder.decode();
}
