/**
 * The protocols for clients without end-to-end HTTP/2: gRPC-Web (binary, text and JSON) and Connect
 * (binary and JSON).
 *
 * They differ in how messages are framed and in how a status is sent. The frames of messages are
 * those of gRPC, so binary protocols share the encoded messages, and often the frames, with all
 * other streams; JSON is converted message by message.
 *
 * The formats of headers, trailers and errors are those of `@connectrpc/connect`. Its handlers are
 * not used: they encode each message for each stream, pass it through several generators, and take
 * it before the network can accept it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import {
  createRegistry,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type Message,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type Code as ConnectCode, ConnectError } from "@connectrpc/connect";
import {
  codeToHttpStatus,
  contentTypeStreamJson,
  contentTypeStreamProto,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
  parseContentType as parseConnectType,
  parseTimeout as parseConnectTimeout,
} from "@connectrpc/connect/protocol-connect";
import {
  contentTypeJson,
  contentTypeProto,
  parseContentType as parseGrpcWebType,
  parseTimeout as parseGrpcTimeout,
  setTrailerStatus,
  trailerFlag,
  trailerSerialize,
} from "@connectrpc/connect/protocol-grpc-web";
import { file_google_rpc_error_details } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import { CallError, encodeDetails } from "../call_error.ts";
import { type EncodedMessages, frame } from "../framed_batch.ts";
import { Code } from "../status_code.ts";

/** Flag of a frame whose message is compressed. */
const COMPRESSED = 1;
/** A byte of flags, and the length in four bytes. */
const PREFIX_BYTES = 5;
/** Characters of a parse error that are quoted; it can contain parts of the request. */
const MAX_QUOTED = 200;

/** How the messages of a call are encoded and framed, and how its status is sent. */
export interface WebProtocol {
  /** `rpc.system` of traces. */
  readonly system: "grpc_web" | "connect_rpc";
  /** Content type of a response. */
  readonly contentType: string;
  /** Whether requests are framed, so that their size is known from their first bytes. */
  readonly isFramed: boolean;
  /**
   * Returns the deadline that the client has set, in ms from now; `undefined` without one.
   *
   * @throws {CallError} when the header is invalid
   */
  timeout(headers: IncomingHttpHeaders): number | undefined;
  /** Returns the compression of requests; `undefined` without one. */
  compression(headers: IncomingHttpHeaders): string | undefined;
  /**
   * Decodes the request of a call.
   *
   * @throws {CallError} when it is invalid
   */
  decode(input: DescMessage, body: Uint8Array): Message;
  /** Frames messages of a stream, or the response of a unary call; not to be written to. */
  frame(output: DescMessage, messages: EncodedMessages): Uint8Array;
  /** The last bytes of a response. */
  end(error?: CallError): Uint8Array;
  /** HTTP status and content type of a response that is nothing but an error. */
  errorHead(error: CallError): { readonly status: number; readonly contentType: string };
}

/** How messages are encoded. */
interface Codec {
  decode(input: DescMessage, bytes: Uint8Array): Message;
  encode(output: DescMessage, messages: EncodedMessages): EncodedMessages;
}

const BINARY: Codec = {
  decode: (input, bytes) => fromBinary(input, bytes, { readUnknownFields: false }),
  encode: (_output, messages) => messages,
};

const JSON_TEXT: Codec = {
  // Unknown fields are errors: a misspelled filter would select everything.
  decode: (input, bytes) => fromJsonString(input, new TextDecoder().decode(bytes)),
  encode: (output, messages) =>
    messages.map((bytes) => Buffer.from(toJsonString(output, fromBinary(output, bytes)))),
};

/** Decodes a message; its errors are those of the client. */
function decodeWith(codec: Codec, input: DescMessage, bytes: Uint8Array): Message {
  try {
    return codec.decode(input, bytes);
  } catch (error) {
    const text = error instanceof Error ? error.message.slice(0, MAX_QUOTED) : "unknown error";
    throw new CallError(Code.INVALID_ARGUMENT, `The request is not a ${input.name}: ${text}`);
  }
}

/** Returns the one message of a framed request. */
function unframe(body: Uint8Array): Uint8Array {
  if (body.length < PREFIX_BYTES) {
    throw new CallError(Code.INVALID_ARGUMENT, "The request has no message");
  }
  const { buffer, byteOffset } = body;
  if ((body[0] ?? 0) & COMPRESSED) throw compressed("a compressed message");
  const end = PREFIX_BYTES + new DataView(buffer, byteOffset).getUint32(1);
  if (body.length < end) {
    throw new CallError(Code.INVALID_ARGUMENT, "The message of the request is incomplete");
  }
  // Trailers may follow.
  const next = body[end];
  if (next !== undefined && (next & (trailerFlag | endStreamFlag)) === 0) {
    throw new CallError(Code.INVALID_ARGUMENT, "The request has more than one message");
  }
  return body.subarray(PREFIX_BYTES, end);
}

/** The error of a request that is compressed. */
export function compressed(what: string): CallError {
  return new CallError(
    Code.UNIMPLEMENTED,
    `The request has ${what}; compression is not supported here, send identity`,
  );
}

/** Frames the end of a response. */
function endFrame(flag: number, payload: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(PREFIX_BYTES + payload.length);
  bytes[0] = flag;
  bytes.writeUInt32BE(payload.length, 1);
  bytes.set(payload, PREFIX_BYTES);
  return bytes;
}

const DETAIL_TYPES = createRegistry(file_google_rpc_error_details);

/** The error as the library sends it. */
function toConnectError(error: CallError): ConnectError {
  const text = error.message.toWellFormed();
  // The codes of both are numbered alike.
  const converted = new ConnectError(text, error.code as number as ConnectCode);
  const bytes = encodeDetails(error);
  if (bytes === undefined) return converted;
  converted.details = fromBinary(StatusSchema, bytes).details.map((any) => {
    const message = anyUnpack(any, DETAIL_TYPES);
    const desc = message && DETAIL_TYPES.getMessage(message.$typeName);
    return {
      type: any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1),
      value: any.value,
      ...(message && desc && { debug: toJson(desc, message) }),
    };
  });
  return converted;
}

function timeoutOf(
  parse: typeof parseGrpcTimeout,
  header: string | string[] | undefined,
): number | undefined {
  if (header === undefined) return undefined;
  const { timeoutMs, error } = parse(String(header), Number.MAX_SAFE_INTEGER);
  if (error) throw new CallError(Code.INVALID_ARGUMENT, error.rawMessage.slice(0, MAX_QUOTED));
  return timeoutMs;
}

function encodingOf(header: string | string[] | undefined): string | undefined {
  const encoding = header === undefined ? "identity" : String(header);
  return encoding === "identity" ? undefined : encoding.slice(0, MAX_QUOTED);
}

/** gRPC-Web: all statuses are in a last frame of trailers. */
class GrpcWeb implements WebProtocol {
  readonly system = "grpc_web";
  readonly isFramed: boolean;
  readonly contentType: string;
  readonly #codec: Codec;
  readonly #isText: boolean;

  constructor({ text, binary }: { readonly text: boolean; readonly binary: boolean }) {
    this.#codec = binary ? BINARY : JSON_TEXT;
    this.#isText = text;
    this.isFramed = !text;
    const type = binary ? contentTypeProto : contentTypeJson;
    this.contentType = text ? type.replace("grpc-web", "grpc-web-text") : type;
  }

  timeout(headers: IncomingHttpHeaders): number | undefined {
    return timeoutOf(parseGrpcTimeout, headers["grpc-timeout"]);
  }

  compression(headers: IncomingHttpHeaders): string | undefined {
    return encodingOf(headers["grpc-encoding"]);
  }

  decode(input: DescMessage, body: Uint8Array): Message {
    const bytes = this.#isText
      ? Buffer.from(new TextDecoder("latin1").decode(body), "base64")
      : body;
    return decodeWith(this.#codec, input, unframe(bytes));
  }

  frame(output: DescMessage, messages: EncodedMessages): Uint8Array {
    return this.#toText(frame(this.#codec.encode(output, messages)));
  }

  end(error?: CallError): Uint8Array {
    const trailer = setTrailerStatus(new Headers(), error && toConnectError(error));
    return this.#toText(endFrame(trailerFlag, trailerSerialize(trailer)));
  }

  errorHead(): { readonly status: number; readonly contentType: string } {
    return { status: 200, contentType: this.contentType };
  }

  /** Base64 where the protocol has it: each write for itself, with padding. */
  #toText(bytes: Uint8Array): Uint8Array {
    if (!this.#isText) return bytes;
    const { buffer, byteOffset, length } = bytes;
    return Buffer.from(Buffer.from(buffer, byteOffset, length).toString("base64"), "latin1");
  }
}

/** What streams and unary calls of Connect have in common. */
abstract class Connect {
  readonly system = "connect_rpc";
  readonly contentType: string;
  protected readonly codec: Codec;

  constructor(isBinary: boolean, types: { readonly binary: string; readonly json: string }) {
    this.codec = isBinary ? BINARY : JSON_TEXT;
    this.contentType = isBinary ? types.binary : types.json;
  }

  timeout(headers: IncomingHttpHeaders): number | undefined {
    return timeoutOf(parseConnectTimeout, headers["connect-timeout-ms"]);
  }
}

/** Streams of Connect: the status is in a last frame of JSON. */
class ConnectStream extends Connect implements WebProtocol {
  readonly isFramed = true;

  constructor(isBinary: boolean) {
    super(isBinary, { binary: contentTypeStreamProto, json: contentTypeStreamJson });
  }

  compression(headers: IncomingHttpHeaders): string | undefined {
    return encodingOf(headers["connect-content-encoding"]);
  }

  decode(input: DescMessage, body: Uint8Array): Message {
    return decodeWith(this.codec, input, unframe(body));
  }

  frame(output: DescMessage, messages: EncodedMessages): Uint8Array {
    return frame(this.codec.encode(output, messages));
  }

  end(error?: CallError): Uint8Array {
    const json = endStreamToJson(new Headers(), error && toConnectError(error), undefined);
    return endFrame(endStreamFlag, Buffer.from(JSON.stringify(json)));
  }

  errorHead(): { readonly status: number; readonly contentType: string } {
    return { status: 200, contentType: this.contentType };
  }
}

/** Unary calls of Connect: plain HTTP, an error is its HTTP status and JSON. */
class ConnectUnary extends Connect implements WebProtocol {
  readonly isFramed = false;

  constructor(isBinary: boolean) {
    super(isBinary, { binary: contentTypeUnaryProto, json: contentTypeUnaryJson });
  }

  compression(headers: IncomingHttpHeaders): string | undefined {
    return encodingOf(headers["content-encoding"]);
  }

  decode(input: DescMessage, body: Uint8Array): Message {
    return decodeWith(this.codec, input, body);
  }

  frame(output: DescMessage, messages: EncodedMessages): Uint8Array {
    return Buffer.concat(this.codec.encode(output, messages));
  }

  end(error?: CallError): Uint8Array {
    return error ? errorToJsonBytes(toConnectError(error), undefined) : Buffer.alloc(0);
  }

  errorHead({ code }: CallError): { readonly status: number; readonly contentType: string } {
    const status = codeToHttpStatus(code as number as ConnectCode);
    return { status, contentType: contentTypeUnaryJson };
  }
}

/**
 * Returns the protocol of a request by its content type.
 *
 * @returns `undefined` when it has none that the method supports
 */
export function protocolOf(
  contentType: string | undefined,
  isUnary: boolean,
): WebProtocol | undefined {
  if (contentType === undefined) return undefined;
  const grpcWeb = parseGrpcWebType(contentType);
  if (grpcWeb) return new GrpcWeb(grpcWeb);
  const connect = parseConnectType(contentType);
  if (connect === undefined || connect.stream === isUnary) return undefined;
  return isUnary ? new ConnectUnary(connect.binary) : new ConnectStream(connect.binary);
}
