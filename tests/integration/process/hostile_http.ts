/**
 * HTTP/1.1 and WebSocket frames that no client library sends, for the ports that serve them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { deflateRawSync } from "node:zlib";
import { clientFrame } from "../../../scripts/rig/raw_websocket.ts";

/** What one connection sends, with a pause after each part. */
export type HostileParts = readonly Uint8Array[];

const bytes = (text: string) => Buffer.from(text, "latin1");

const SERVICE = "/cream.v1.StreamProxyService";
const BODY_HEADS = [
  "Content-Length: 5",
  "Expect: 100-continue\r\nContent-Length: 5",
  "Expect: other\r\nContent-Length: 5",
  "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5",
  "Upgrade: h2c\r\nConnection: Upgrade",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Content-Length: -1",
  "Content-Length: 5\r\nContent-Length: 6",
  "Host: b",
  "X: \xff",
  "X",
  "Origin: \xff",
  "Authorization: Basic \xff",
];
const BODIES = ["hello", "5\r\nhello\r\n0\r\nX: y\r\n\r\n", "5\r\nhelloXX", "zz\r\n"];
const RPC_TYPES = [
  "application/grpc-web+proto",
  "application/grpc-web-text",
  "application/json",
  "application/connect+json",
  "application/grpc",
];
const RPC_BODIES = [
  "",
  "{}",
  "null",
  "[".repeat(2_000),
  '{"symbols":["\\ud83d"]}',
  '\0\0\0\0\x16{"symbols":["\\ud83d"]}',
  "\0\0\0\0\0\0\0\0\0\0",
  "\x01\0\0\0\x02{}",
  "\x80\0\0\0\x02{}",
  "\0\xff\xff\xff\xff",
  "AAAA!",
];
const RPC_HEADS = ["Grpc-Timeout: 1n", "Connect-Timeout-Ms: 0", "Grpc-Encoding: gzip", "X: y"];

/** Requests for the HTTP port, by name. */
export function* hostileRequests(): Generator<[name: string, HostileParts]> {
  for (const target of ["/healthz", "/events", `${SERVICE}/StreamQuotes`, "*", "http://\xff/"]) {
    const get = `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
    yield [`${target} in a pipeline`, [bytes(get.repeat(7)), bytes(get.repeat(7))]];
    yield [`${target} and garbage`, [bytes(`${get}\0\0`), bytes("\0\0")]];
    yield [`${target}, then garbage`, [bytes(get), bytes("\0\0")]];
    for (const method of ["HEAD", "CONNECT", "PRI", "X"]) {
      yield [`${method} ${target}`, [bytes(`${method} ${get.slice(4)}`), bytes("abc")]];
    }
    for (const head of BODY_HEADS) {
      for (const body of BODIES) {
        const start = `POST ${target} HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`;
        yield [`POST ${target}, ${head}, ${body}`, [bytes(start), bytes(body)]];
      }
    }
  }
  for (const method of ["StreamQuotes", "GetConnectionStatus"]) {
    for (const type of RPC_TYPES) {
      for (const head of RPC_HEADS) {
        for (const body of RPC_BODIES) {
          const start =
            `POST ${SERVICE}/${method} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n` +
            `${head}\r\nContent-Length: ${body.length}\r\n\r\n`;
          yield [`${method}, ${type}, ${head}, ${body}`, [bytes(start), bytes(body)]];
        }
      }
    }
  }
}

function upgrade(path: string, more: string = ""): Uint8Array {
  return bytes(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
      `${more}\r\n`,
  );
}

const LOGIN = clientFrame(1, bytes('{"action":"auth","key":"SIM_KEY","secret":"SIM_SECRET"}'));
const STARTS: readonly [path: string, start: Uint8Array][] = [
  ["/v2/sip", new Uint8Array()],
  [
    "/v2/sip",
    Buffer.concat([LOGIN, clientFrame(1, bytes('{"action":"subscribe","quotes":["*"]}'))]),
  ],
  [
    "/stream",
    Buffer.concat([
      LOGIN,
      clientFrame(1, bytes('{"action":"listen","data":{"streams":["trade_updates"]}}')),
    ]),
  ],
];
const CLOSE_CODES = [0, 999, 1000, 1004, 1005, 1006, 1015, 2999, 4999, 5000, 65_535];
const MESSAGES = [
  "",
  "null",
  "{",
  "[".repeat(9_000),
  '{"action":1}',
  '{"action":"auth","key":1}',
  '{"action":"subscribe","quotes":[1,null,"\\ud83d"]}',
  '{"action":"listen","data":{"streams":1}}',
  "\xdd\xff\xff\xff\xff",
  "\x81\xa6action\xa4auth",
];
const UPGRADES = [
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Expect: 100-continue\r\n",
  "Sec-WebSocket-Protocol: a,a\r\n",
  "Sec-WebSocket-Extensions: ;;;\r\n",
  "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n",
  "Origin: http://\xff\r\n",
];

/** Connections of the WebSocket port, by name. */
export function* hostileWebSockets(): Generator<[name: string, HostileParts]> {
  for (const [index, [path, start]] of STARTS.entries()) {
    for (const more of ["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"]) {
      const name = `${path} ${index} ${more}`;
      const opening = Buffer.concat([upgrade(path, more), start]);
      for (const code of CLOSE_CODES) {
        const payload = Uint8Array.of(code >> 8, code & 255, 0xff);
        const close = clientFrame(8, payload);
        yield [`${name} close ${code}`, [opening, Buffer.concat([close, LOGIN, close])]];
      }
      for (let opcode = 0; opcode < 16; opcode++) {
        for (const length of [0, 1, 126]) {
          const [whole, part] = [true, false].map((fin) =>
            clientFrame(opcode, new Uint8Array(length), { fin })
          );
          yield [`${name} opcode ${opcode} of ${length}`, [opening, whole!]];
          yield [`${name} opcode ${opcode} of ${length}, not final`, [opening, part!, whole!]];
        }
      }
      for (const message of MESSAGES) {
        for (const opcode of [1, 2]) {
          const packed = deflateRawSync(bytes(message));
          yield [`${name} ${message}`, [opening, clientFrame(opcode, bytes(message))]];
          yield [`${name} packed ${message}`, [
            opening,
            clientFrame(opcode, packed, { compressed: true }),
          ]];
        }
      }
      const fragment = clientFrame(1, bytes("{"), { fin: false });
      const rest = clientFrame(0, bytes("}"));
      const ping = clientFrame(9, bytes("x"));
      yield [`${name} fragments`, [opening, Buffer.concat([fragment, ping, rest])]];
      yield [`${name} half a message`, [opening, fragment, LOGIN]];
      yield [`${name} too long`, [opening, clientFrame(1, bytes("{}"), { length: 2 ** 52 })]];
      yield [`${name} bomb`, [
        opening,
        clientFrame(1, deflateRawSync(Buffer.alloc(9_000_000)), { compressed: true }),
      ]];
    }
  }
  for (const more of UPGRADES) {
    yield [`upgrade with ${more}`, [upgrade("/v2/sip", more), bytes("hello"), LOGIN]];
  }
  const whole = upgrade("/v2/sip");
  yield ["half an upgrade", [whole.subarray(0, 60)]];
  yield ["two upgrades", [Buffer.concat([whole, whole])]];
  yield ["an upgrade behind requests", [
    Buffer.concat([bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3)), whole]),
    LOGIN,
  ]];
  yield ["CONNECT", [bytes("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), bytes("x")]];
}
