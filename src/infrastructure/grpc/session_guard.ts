/**
 * Keeps a client's last words from ending the process.
 *
 * Deno's HTTP/2 server (seen in 2.9.6) reads frames in native code and tells
 * JavaScript about them meanwhile. When what it tells makes JavaScript close
 * the session at once, which it does on GOAWAY and on protocol errors, the
 * native session is freed under its own reader, and a connection that opens
 * with a GOAWAY (a client that dials and changes its mind) ends the whole
 * process with a segmentation fault. So here a session closes in the next turn
 * of the event loop, after its reader has returned. Nothing else changes: what
 * a client sends in one piece is still read to its end, and streams that it
 * opened still end.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/** Replaces a method of one session by one that runs in the next turn. */
function defer(session: ServerHttp2Session, name: "close" | "destroy"): void {
  const run: (...args: never[]) => void = session[name];
  Object.defineProperty(session, name, {
    configurable: true,
    writable: true,
    value: (...args: never[]) => {
      setImmediate(() => run.apply(session, args));
    },
  });
}

/** Makes every session that comes through `http2Server` close in its own turn. */
export function guardSessions(http2Server: Http2Server): void {
  http2Server.on("session", (session: ServerHttp2Session) => {
    defer(session, "close");
    defer(session, "destroy");
  });
}

/**
 * The HTTP/2 servers inside a gRPC server, which has no public way to them.
 *
 * @throws {Error} when grpc-js no longer keeps them where it does, because
 * serving without the guard would be worse than not serving.
 */
export function http2ServersOf(server: Server): Http2Server[] {
  const { http2Servers } = server as unknown as {
    readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
  };
  if (!(http2Servers instanceof Map) || http2Servers.size === 0) {
    throw new Error(
      "Cannot guard HTTP/2 sessions: this version of @grpc/grpc-js keeps its " +
        "servers elsewhere; use the pinned version",
    );
  }
  return [...http2Servers.keys()];
}
