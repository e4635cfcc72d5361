/**
 * HTTP/2 that no client library sends, for the gRPC port.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { Flag, frame, Type, uint32 } from "../../support/frame_client.ts";

/** Sends the parts of one case for a stream, with a pause after each. */
export type HostileStream = (stream: number) => readonly (readonly number[])[];

type Field = readonly [name: string, value: string];
type Bytes = readonly number[];

const PRIORITY = 2, CONTINUATION = 9, PADDED = 8;
/** Bytes that are above the limit of a request. */
const TOO_LARGE = 99_999_999;
/** Bytes in which HPACK writes the length of a literal in one byte. */
const MAX_LITERAL = 126;

/** Opens the connection of a case. */
export const HELLO: Bytes = [
  ...Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  ...frame(Type.settings),
];

const PATHS = [
  "/cream.v1.StreamProxyService/StreamQuotes",
  "/cream.v1.StreamProxyService/GetConnectionStatus",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

function block(fields: readonly Field[]): number[] {
  const literal = (text: string) => {
    const bytes = Buffer.from(text, "latin1").subarray(0, MAX_LITERAL);
    return [bytes.length, ...bytes];
  };
  return fields.flatMap(([name, value]) => [0, ...literal(name), ...literal(value)]);
}

/** The fields of a request; `extra` replaces those of the same name. */
function request(path: string, extra: readonly Field[] = []): Field[] {
  const usual: Field[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", "localhost"],
    [":path", path],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
  const all = [...usual.filter(([name]) => extra.every(([other]) => other !== name)), ...extra];
  const isPseudo = ([name]: Field) => Number(name.startsWith(":"));
  return all.toSorted((a, b) => isPseudo(b) - isPseudo(a));
}

function headers(stream: number, fields: readonly Field[], flags: number = Flag.endHeaders) {
  return frame(Type.headers, { flags, stream, payload: block(fields) });
}

function data(stream: number, payload: Bytes, flags: number = Flag.endStream) {
  return frame(Type.data, { flags, stream, payload });
}

function message(bytes: Bytes, { flag = 0, length = bytes.length } = {}): number[] {
  return [flag, ...uint32(length), ...bytes];
}

const reset = (stream: number, code: number) =>
  frame(Type.rstStream, { stream, payload: uint32(code) });
const setting = (id: number, value: number) =>
  frame(Type.settings, { payload: [0, id, ...uint32(value)] });
const windowUpdate = (stream: number, bytes: number) =>
  frame(Type.windowUpdate, { stream, payload: uint32(bytes) });
const goaway = (code: number) => frame(Type.goaway, { payload: [...uint32(0), ...uint32(code)] });

/** Cases that concern their stream only: others of the connection go on, if HTTP/2 allows it. */
function* streamCases(path: string): Generator<[name: string, HostileStream]> {
  const empty = message([]);
  const tooLarge = message([1], { length: TOO_LARGE });
  const open = (id: number, extra: readonly Field[] = []) => headers(id, request(path, extra));
  for (const code of [0, 1, 7, 8, 0xffffffff]) {
    yield [`reset ${code} with headers`, (id) => [[...open(id), ...reset(id, code)]]];
    yield [`reset ${code} after headers`, (id) => [open(id), reset(id, code)]];
    yield [`reset ${code} with the request`, (id) => [
      [...open(id), ...data(id, empty), ...reset(id, code)],
    ]];
    yield [`reset ${code} twice`, (id) => [
      [...open(id), ...data(id, empty)],
      [...reset(id, code), ...reset(id, code)],
    ]];
    yield [`no window, reset ${code}`, (id) => [
      [...setting(4, 0), ...open(id), ...data(id, empty)],
      reset(id, code),
    ]];
  }
  for (
    const [what, bytes] of [
      ["nothing", []],
      ["two messages", [...empty, ...empty]],
      ["an incomplete prefix", [0, 0]],
      ["an incomplete message", message([1], { length: 9 })],
      ["invalid protobuf", message([255, 255, 255])],
      ["invalid protobuf twice", [...message([255, 255]), ...message([255, 255])]],
      ["a message and a large one", [...empty, ...tooLarge]],
      ["invalid protobuf and a large message", [...message([255]), ...tooLarge]],
      ["a large message", tooLarge],
      ["an unknown flag", message([], { flag: 2 })],
    ] as const
  ) {
    yield [what, (id) => [[...open(id), ...data(id, bytes)]]];
    yield [`${what} later`, (id) => [open(id), data(id, bytes, 0), data(id, [1, 2, 3])]];
    yield [`${what}, then reset`, (id) => [[...open(id), ...data(id, bytes, 0)], reset(id, 8)]];
  }
  const zipped = [...gzipSync(Buffer.alloc(9_000_000))];
  for (const encoding of ["gzip", "deflate", "snappy", "", "gzip, gzip", "\xff"]) {
    for (
      const [what, bytes] of [
        ["garbage", [1, 2, 3]],
        ["nothing", []],
        ["too many bytes", zipped],
        ["half a message", zipped.slice(0, 15)],
      ] as const
    ) {
      yield [`${what} as ${encoding}`, (id) => [[
        ...open(id, [["grpc-encoding", encoding]]),
        ...data(id, message(bytes, { flag: 1 })),
      ]]];
    }
  }
  for (const timeout of ["0n", "1n", "1m", "99999999H", "100000000S", "-1S", "1", "", "\xff"]) {
    const field: Field = ["grpc-timeout", timeout];
    yield [`timeout ${timeout}`, (id) => [open(id, [field]), data(id, empty)]];
    yield [`timeout ${timeout}, large message`, (id) => [
      [...open(id, [field]), ...data(id, tooLarge, 0)],
      data(id, [1], 0),
    ]];
  }
  const END = Flag.endHeaders | Flag.endStream;
  const trailer: Field = ["x-trailer", "1"];
  yield ["trailers", (id) => [[...open(id), ...data(id, empty, 0)], headers(id, [trailer], END)]];
  yield ["trailers alone", (id) => [open(id), headers(id, [trailer], END)]];
  yield ["trailers without an end", (id) => [open(id), headers(id, [trailer])]];
  yield ["trailers after the end", (id) => [
    [...open(id), ...data(id, empty)],
    headers(id, [trailer], END),
  ]];
  yield ["data after the end", (id) => [[...open(id), ...data(id, empty), ...data(id, [1])]]];
  for (const method of ["GET", "HEAD", "CONNECT", "", "P T"]) {
    const field: Field = [":method", method];
    yield [`method ${method}`, (id) => [open(id, [field]), data(id, empty)]];
    yield [`method ${method} alone`, (id) => [headers(id, request(path, [field]), END)]];
  }
  for (
    const field of [
      [":path", ""],
      [":authority", "\xff"],
      [":status", "200"],
      [":protocol", "websocket"],
      ["content-type", "\xff"],
      ["content-length", "5"],
      ["connection", "close"],
      ["expect", "100-continue"],
      ["x-bin", "!!!"],
      ["x", "a\r\nb"],
      ["__proto__", "x"],
      ["", "x"],
    ] as const
  ) {
    yield [`${field.join(": ")}`, (id) => [open(id, [field]), data(id, empty)]];
  }
  const whole = block(request(path));
  const begin = (id: number) => frame(Type.headers, { stream: id, payload: whole.slice(0, 20) });
  const go = (id: number) =>
    frame(CONTINUATION, { flags: Flag.endHeaders, stream: id, payload: whole.slice(20) });
  yield ["headers in two frames", (id) => [begin(id), go(id), data(id, empty)]];
  yield ["half the headers", (id) => [begin(id)]];
  yield ["data between headers", (id) => [begin(id), data(id, empty)]];
  yield ["reset between headers", (id) => [begin(id), reset(id, 8), go(id)]];
  yield ["padding above the length", (id) => [open(id), data(id, [200, 1], PADDED)]];
  yield ["the stream depends on itself", (id) => [
    [...open(id), ...frame(PRIORITY, { stream: id, payload: [...uint32(id), 3] })],
    data(id, empty),
  ]];
  for (const code of [0, 2, 11]) {
    yield [`GOAWAY ${code}`, (id) => [[...open(id), ...data(id, empty)], goaway(code)]];
  }
  for (
    const [what, bytes] of [
      ["a window of the stream that is too large", (id: number) => windowUpdate(id, 0x7fffffff)],
      ["a window of the connection that is too large", () => windowUpdate(0, 0x7fffffff)],
      ["an invalid window", () => setting(4, 0x80000000)],
      ["invalid frames", () => setting(5, 1)],
      ["no header table", () => setting(1, 0)],
      ["data of no stream", () => frame(Type.data, { payload: [1] })],
      ["reset of an idle stream", () => reset(99_999, 8)],
      ["a short reset", (id: number) => frame(Type.rstStream, { stream: id, payload: [1] })],
      ["an acknowledgement with bytes", () => frame(Type.settings, { flags: 1, payload: [0, 1] })],
      ["an unknown frame", (id: number) => frame(200, { flags: 255, stream: id, payload: [1] })],
      ["half a frame", () => [0, 0, 9, 6, 0]],
    ] as const
  ) {
    yield [what, (id) => [[...open(id), ...data(id, empty)], bytes(id)]];
  }
}

/** All cases, by name. */
export function hostileStreams(): [name: string, HostileStream][] {
  return PATHS.flatMap((path) =>
    [...streamCases(path)].map(([name, parts]): [string, HostileStream] => [
      `${path}: ${name}`,
      parts,
    ])
  );
}
