/**
 * An HTTP/2 server, frame by frame, that answers every call immediately and
 * then sends GOAWAY: in the same segment as the answer, in a segment of its
 * own, or before any call. Or it ends each stream inside its first message.
 *
 * @module
 */
import { Flag, frame, Type } from "./frame_client.ts";

/** When the server sends GOAWAY. */
export type Moment =
  | "immediately"
  | "with the answer"
  | "after the answer"
  | "inside a message";

const HEADER_BYTES = 9;
/** `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n` */
const PREFACE_BYTES = 24;

/** A header field with literal name and value. */
function literal(name: string, value: string): number[] {
  const bytes = [...new TextEncoder().encode(name)];
  const content = [...new TextEncoder().encode(value)];
  return [0, bytes.length, ...bytes, content.length, ...content];
}

/** Status 200 and the gRPC status UNAVAILABLE, which end the stream. */
const ANSWER = [
  0x88,
  ...literal("content-type", "application/grpc"),
  ...literal("grpc-status", "14"),
];

/** Response headers of a stream that has begun. */
const BEGIN = [0x88, ...literal("content-type", "application/grpc")];

/** Two bytes of a message that announces ten. */
const HALF_MESSAGE = [0, 0, 0, 0, 10, 1, 2];

/** Last stream 2^31 - 1: every sent request was received. */
const GOAWAY_FRAME = frame(Type.goaway, {
  payload: [127, 255, 255, 255, 0, 0, 0, 0],
});

/** Serves one connection until its client closes it. */
async function serve(conn: Deno.Conn, moment: Moment): Promise<void> {
  const write = async (bytes: number[]) => {
    await conn.write(new Uint8Array(bytes));
  };
  await write(frame(Type.settings));
  if (moment === "immediately") await write(GOAWAY_FRAME);
  let rest: number[] = [];
  let skip = PREFACE_BYTES;
  const piece = new Uint8Array(16_384);
  for (;;) {
    const size = await conn.read(piece);
    if (size === null) return;
    rest.push(...piece.subarray(0, size));
    rest.splice(0, skip);
    skip = 0;
    while (rest.length >= HEADER_BYTES) {
      const [a = 0, b = 0, c = 0, type, flags = 0, ...id] = rest;
      const end = HEADER_BYTES + (a << 16 | b << 8 | c);
      if (rest.length < end) break;
      const payload = rest.slice(HEADER_BYTES, end);
      rest = rest.slice(end);
      const isAck = (flags & Flag.ack) !== 0;
      if (type === Type.settings && !isAck) {
        await write(frame(Type.settings, { flags: Flag.ack }));
      }
      if (type === Type.ping && !isAck) {
        await write(frame(Type.ping, { flags: Flag.ack, payload }));
      }
      if (type !== Type.headers) continue;
      const stream = (id[1] ?? 0) << 16 | (id[2] ?? 0) << 8 | (id[3] ?? 0);
      if (moment === "inside a message") {
        await write([
          ...frame(Type.headers, {
            flags: Flag.endHeaders,
            stream,
            payload: BEGIN,
          }),
          ...frame(Type.data, {
            flags: Flag.endStream,
            stream,
            payload: HALF_MESSAGE,
          }),
        ]);
        continue;
      }
      const answer = frame(Type.headers, {
        flags: Flag.endStream | Flag.endHeaders,
        stream,
        payload: ANSWER,
      });
      if (moment === "with the answer") {
        await write([...answer, ...GOAWAY_FRAME]);
      } else await write(answer);
      if (moment === "after the answer") {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await write(GOAWAY_FRAME);
      }
    }
  }
}

/** Listens on a free port until disposed of. */
export function startAbruptServer(
  moment: Moment,
): AsyncDisposable & { readonly port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const accepting = (async () => {
    const serving: Promise<void>[] = [];
    for await (const conn of listener) {
      open.add(conn);
      // Clients are expected to close their connections.
      const served = serve(conn, moment).catch(() => {});
      serving.push(served.finally(() => {
        if (open.delete(conn)) conn.close();
      }));
    }
    await Promise.all(serving);
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of open) {
        open.delete(conn);
        conn.close();
      }
      await accepting;
    },
  };
}
