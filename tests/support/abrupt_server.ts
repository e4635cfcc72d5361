/**
 * An HTTP/2 server, frame by frame, that answers every call immediately and
 * then sends GOAWAY: in the same segment as the answer, in a segment of its
 * own, or before any call. Or it ends each stream inside its first message.
 *
 * @module
 */

/** When the server sends GOAWAY. */
export type Moment =
  | "immediately"
  | "with the answer"
  | "after the answer"
  | "inside a message";

const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const ACK = 0x1;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;

const HEADER_BYTES = 9;
/** `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n` */
const PREFACE_BYTES = 24;

function frame(
  type: number,
  { flags = 0, stream = 0, payload = [] }: {
    readonly flags?: number;
    readonly stream?: number;
    readonly payload?: readonly number[];
  } = {},
): number[] {
  const { length } = payload;
  return [
    ...[length >> 16, (length >> 8) & 255, length & 255, type, flags],
    ...[stream >> 24, (stream >> 16) & 255, (stream >> 8) & 255, stream & 255],
    ...payload,
  ];
}

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
const GOAWAY_FRAME = frame(GOAWAY, {
  payload: [127, 255, 255, 255, 0, 0, 0, 0],
});

/** Serves one connection until its client closes it. */
async function serve(conn: Deno.Conn, moment: Moment): Promise<void> {
  const write = async (bytes: number[]) => {
    await conn.write(new Uint8Array(bytes));
  };
  await write(frame(SETTINGS));
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
      const isAck = (flags & ACK) !== 0;
      if (type === SETTINGS && !isAck) {
        await write(frame(SETTINGS, { flags: ACK }));
      }
      if (type === PING && !isAck) {
        await write(frame(PING, { flags: ACK, payload }));
      }
      if (type !== HEADERS) continue;
      const stream = (id[1] ?? 0) << 16 | (id[2] ?? 0) << 8 | (id[3] ?? 0);
      if (moment === "inside a message") {
        await write([
          ...frame(HEADERS, { flags: END_HEADERS, stream, payload: BEGIN }),
          ...frame(DATA, { flags: END_STREAM, stream, payload: HALF_MESSAGE }),
        ]);
        continue;
      }
      const answer = frame(HEADERS, {
        flags: END_STREAM | END_HEADERS,
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
