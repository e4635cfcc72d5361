/**
 * Offers generated services through grpc-js without generated stubs.
 *
 * Requests arrive decoded; responses leave as bytes that are already encoded,
 * because a stream's messages are encoded once for all of its readers.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import type {
  MethodDefinition,
  sendUnaryData,
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { toStatus } from "./call_error.ts";
import { type Bodies, FramedBatch } from "./framed_batch.ts";

export type { Bodies };

/** A server-streaming call; what is written is a batch. */
export type StreamCall = ServerWritableStream<unknown, Bodies>;

/** A call that streams both ways. */
export type DuplexCall<I> = ServerDuplexStream<UnreadRequest<I>, Bodies>;

/** What serves one method: takes a request and gives bytes, or is given a call. */
type Handler<M> = M extends {
  readonly methodKind: infer Kind;
  readonly input: infer I extends DescMessage;
} ? Kind extends "unary" ? (request: MessageShape<I>) => Uint8Array
  : Kind extends "server_streaming"
    ? (request: MessageShape<I>, call: StreamCall) => void
  : Kind extends "bidi_streaming" ? (call: DuplexCall<MessageShape<I>>) => void
  : never
  : never;

/** A handler for every method of a service. */
export type Handlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: Handler<S["method"][K]>;
};

/** Limits what the answers of unary calls hold together. */
export interface AnswerLimit {
  /** Counts an answer of `bytes`; @throws {CallError} when it is too much. */
  hold(call: ServerUnaryCall<unknown, unknown>, bytes: number): void;
}

/** How {@linkcode offer} offers a service. */
export interface OfferOptions {
  /** Full name to offer the service under. @default its own */
  readonly name?: string;
  /** Told of whatever a unary handler throws. */
  readonly onFault: (error: unknown) => void;
  /** Limits the answers of unary calls. @default nothing does */
  readonly answers?: AnswerLimit;
}

/** What grpc-js frames: it asks for a method that only Buffers have. */
function serialize(message: Uint8Array | Bodies): Buffer {
  // Not a Buffer, but all of one that grpc-js makes use of.
  return message instanceof Uint8Array
    ? asBuffer(message)
    : new FramedBatch(message) as unknown as Buffer;
}

function asBuffer(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body)
    ? body
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

function definitionOf(
  service: DescService,
  name: string,
): Record<string, MethodDefinition<unknown, Uint8Array | Bodies>> {
  return Object.fromEntries(service.methods.map((method) => [
    method.localName,
    {
      path: `/${name}/${method.name}`,
      requestStream: method.methodKind === "client_streaming" ||
        method.methodKind === "bidi_streaming",
      responseStream: method.methodKind === "server_streaming" ||
        method.methodKind === "bidi_streaming",
      requestDeserialize: (bytes: Buffer) =>
        new UnreadRequest(
          fromBinary(method.input, bytes, { readUnknownFields: false }),
        ),
      responseSerialize: serialize,
      // The client's half of a definition, which a server never calls.
      requestSerialize: () => Buffer.alloc(0),
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  ]));
}

/** Kinds of a service's methods, by the path under which they are called. */
export function methodKinds(
  service: DescService,
  name: string = service.typeName,
): [path: string, kind: DescMethod["methodKind"]][] {
  return service.methods.map((method) => [
    `/${name}/${method.name}`,
    method.methodKind,
  ]);
}

/**
 * A request until its handler takes it. grpc-js keeps what a deserializer
 * returns for as long as the call is open, which can be hours; a request can
 * have megabytes.
 */
export class UnreadRequest<T = unknown> {
  #message: T | undefined;

  constructor(message: T) {
    this.#message = message;
  }

  /** The request; to be called once. */
  take(): T {
    const message = this.#message as T;
    this.#message = undefined;
    return message;
  }
}

/** Answers a unary call, and turns whatever is thrown into a status. */
function unary(
  handler: (request: unknown) => Uint8Array,
  { onFault, answers }: OfferOptions,
): UntypedHandleCall {
  return (
    call: ServerUnaryCall<UnreadRequest, Uint8Array>,
    callback: sendUnaryData<Uint8Array>,
  ) => {
    let body: Uint8Array;
    try {
      body = handler(call.request.take());
      answers?.hold(call, body.length);
    } catch (error) {
      onFault(error);
      callback(toStatus(error));
      return;
    }
    callback(null, body);
  };
}

function adapt(
  kind: string,
  handler: unknown,
  options: OfferOptions,
): UntypedHandleCall {
  // `Handlers` ties each handler to its method's kind; here the tie is untyped.
  if (kind === "unary") {
    return unary(handler as (request: unknown) => Uint8Array, options);
  }
  if (kind === "server_streaming") {
    const serve = handler as (request: unknown, call: StreamCall) => void;
    return (call: StreamCall) =>
      serve((call.request as UnreadRequest).take(), call);
  }
  return handler as UntypedHandleCall;
}

/** Offers a service on `server`, each method served by its handler. */
export function offer<S extends DescService>(
  server: Server,
  service: S,
  { handlers, ...options }: OfferOptions & { readonly handlers: Handlers<S> },
): void {
  const { name = service.typeName } = options;
  const byName = handlers as Readonly<Record<string, unknown>>;
  const implementation = Object.fromEntries(
    service.methods.map(({ localName, methodKind }) => [
      localName,
      adapt(methodKind, byName[localName], options),
    ]),
  );
  server.addService(definitionOf(service, name), implementation);
}
