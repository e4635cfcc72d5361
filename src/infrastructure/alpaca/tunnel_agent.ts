/**
 * Opens the connections of WebSockets through an HTTP proxy (`HTTPS_PROXY`).
 *
 * The REST requests of `fetch` do that by themselves; `ws` takes an agent.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { Agent, type RequestOptions } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";

/** The HTTP proxy between this program and Alpaca. */
export interface UpstreamProxy {
  /** `http://host:port`, with user name and password if the proxy needs them. */
  readonly url: string;
  /** Hosts that are reached without it, and all names below them; `*` is every host. */
  readonly exceptions: readonly string[];
}

/** Bytes of the largest response to CONNECT. */
const MAX_HEAD_BYTES = 16 * 1024;
/** Characters of it that an error shows. */
const MAX_SHOWN = 100;
const END_OF_HEAD = "\r\n\r\n";

/** Whether a WebSocket is opened through the proxy: `wss:` that is not excepted. */
export function isTunneled(url: string, { exceptions }: UpstreamProxy): boolean {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "wss:") return false;
  return !exceptions.some((name) => {
    const domain = name.replace(/^\./, "").toLowerCase();
    return domain === "*" || hostname === domain || hostname.endsWith(`.${domain}`);
  });
}

/** Opens one TLS connection through a proxy; destroying it ends an attempt that is under way. */
export class TunnelAgent extends Agent {
  readonly #proxy: URL;
  #socket: Socket | undefined;

  /** @param proxy `http://host:port` */
  constructor(proxy: string) {
    super();
    this.#proxy = new URL(proxy);
  }

  override createConnection(
    { host, port }: RequestOptions,
    connected?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    // Node calls it with an error alone, which its type does not allow.
    const done = connected as (error: Error | null, socket?: Duplex) => void;
    this.#connect(host ?? "", Number(port ?? 443)).then((socket) => done(null, socket), done);
  }

  override destroy(): void {
    super.destroy();
    this.#socket?.destroy();
  }

  /**
   * Completes a TLS handshake in a tunnel and closes it; the errors of `Deno.startTls` name what is
   * wrong with a certificate.
   */
  async handshake(host: string, port: number): Promise<void> {
    const connection = await Deno.connect(addressOf(this.#proxy));
    await connection.write(
      new TextEncoder().encode(connectRequest(`${host}:${port}`, this.#proxy)),
    );
    await connection.read(new Uint8Array(MAX_HEAD_BYTES));
    using tls = await Deno.startTls(connection, { hostname: host });
    await tls.handshake();
  }

  /** Connects to the proxy, requests the tunnel, then starts TLS in it. */
  async #connect(host: string, port: number): Promise<TLSSocket> {
    const proxy = this.#proxy;
    const { hostname, port: proxyPort } = addressOf(proxy);
    const socket = connectTcp(proxyPort, hostname);
    this.#socket = socket;
    // Handled where the connection is awaited; without a listener it would end the process.
    socket.on("error", () => {});
    try {
      await settled(socket, "connect");
      socket.write(connectRequest(`${host}:${port}`, proxy));
      const [status = ""] = (await readHead(socket)).split("\r\n");
      if (!/^HTTP\/1\.[01] 2\d\d\b/.test(status)) {
        throw new Error(`answered CONNECT ${host}:${port} with ${status.slice(0, MAX_SHOWN)}`);
      }
    } catch (cause) {
      socket.destroy();
      const message = `HTTPS_PROXY ${proxy.host}: ${(cause as Error).message}`;
      throw new Error(message, { cause });
    }
    const tls = connectTls({ socket, servername: host });
    await settled(tls, "secureConnect");
    return tls;
  }
}

/** Resolves at an event of a socket; rejects when the socket fails or closes before. */
async function settled(socket: Socket, event: string): Promise<void> {
  const closed = new AbortController();
  const onClose = () => closed.abort();
  socket.once("close", onClose);
  try {
    await once(socket, event, { signal: closed.signal });
  } catch (error) {
    throw closed.signal.aborted ? new Error("the connection was closed") : error;
  } finally {
    socket.off("close", onClose);
  }
}

/** Resolves with the head of an HTTP response, or with the first 16 KiB of another one. */
async function readHead(socket: Socket): Promise<string> {
  let head = "";
  socket.on("data", function read(chunk: Buffer) {
    head += chunk.toString("latin1");
    if (!head.includes(END_OF_HEAD) && head.length < MAX_HEAD_BYTES) return;
    socket.off("data", read);
    socket.emit("head");
  });
  await settled(socket, "head");
  return head;
}

/** Host and port of a URL; an IPv6 address without its brackets. */
function addressOf({ hostname, port }: URL): { hostname: string; port: number } {
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 80) };
}

function connectRequest(target: string, { username, password }: URL): string {
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  if (user !== ":") {
    lines.push(`Proxy-Authorization: Basic ${Buffer.from(user).toString("base64")}`);
  }
  return lines.join("\r\n") + END_OF_HEAD;
}
