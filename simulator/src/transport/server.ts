import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { answerHttp, type HttpHandler } from "./http_bridge.ts";

/** What becomes of an upgrade: refused with a status, or accepted. */
export type UpgradeDecision =
  | { readonly status: number }
  | { readonly accept: (ws: WebSocket) => void };

/** What a server is made of. */
export interface ServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Messages over this many bytes close the socket with 1009. */
  readonly maxMessageBytes: number;
  /** Whether permessage-deflate is agreed to when a client offers it. */
  readonly compression: boolean;
  readonly decideUpgrade: (request: IncomingMessage) => UpgradeDecision;
  readonly handleHttp: HttpHandler;
}

/** A listening server. */
export interface Server extends AsyncDisposable {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Starts one HTTP server that carries WebSockets and plain requests. Rejects
 * with the system's error when the port is taken. Disposing it ends every
 * connection, twice or once.
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
    maxPayload: options.maxMessageBytes,
    perMessageDeflate: options.compression,
    autoPong: false,
  });
  http.on("upgrade", (request: IncomingMessage, socket, head) => {
    // The peer may be gone before the answer; there is nobody left to tell.
    socket.on("error", () => {});
    const decision = options.decideUpgrade(request);
    if ("status" in decision) return refuse(socket, decision.status);
    upgrader.handleUpgrade(request, socket, head, decision.accept);
  });
  const port = await listen(http, options);
  const close = once(() => stop(http, sockets));
  const { hostname } = options;
  return { hostname, port, [Symbol.asyncDispose]: close };
}

function listen(
  http: ReturnType<typeof createServer>,
  { hostname, port }: ServerOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, hostname, () => {
      http.off("error", reject);
      // A TCP server's address is always an AddressInfo.
      resolve((http.address() as AddressInfo).port);
    });
  });
}

function refuse(socket: Duplex, status: number): void {
  const text = STATUS_CODES[status] ?? "Refused";
  const body = JSON.stringify({ message: text });
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}` +
      `\r\n\r\n${body}`,
  );
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

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => done ??= action();
}
