/**
 * Registers generated services with grpc-js, without generated stubs.
 *
 * Handlers receive decoded requests and write encoded responses: the messages of
 * a stream are encoded once for all of its clients.
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
import { type EncodedMessages, serialize } from "./http2_workarounds/framed_batch.ts";
import type { PendingResponses } from "./unary_responses.ts";

/** A server-streaming call; one write is a batch. */
export type StreamCall = ServerWritableStream<unknown, EncodedMessages>;

/** A call that streams both ways. */
export type DuplexCall<I> = ServerDuplexStream<
  PendingRequest<I>,
  EncodedMessages
>;

/** Handles one method: returns encoded bytes, or writes to the call. */
type Handler<M> = M extends {
  readonly methodKind: infer Kind;
  readonly input: infer I extends DescMessage;
} ? Kind extends "unary" ? (request: MessageShape<I>) => Uint8Array
  : Kind extends "server_streaming" ? (request: MessageShape<I>, call: StreamCall) => void
  : Kind extends "bidi_streaming" ? (call: DuplexCall<MessageShape<I>>) => void
  : never
  : never;

/** A handler for every method of a service. */
export type Handlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: Handler<S["method"][K]>;
};

/** Options of {@linkcode addService}. */
export interface AddServiceOptions<S extends DescService> {
  readonly handlers: Handlers<S>;
  /** Full name of the service. @default its own */
  readonly name?: string;
  /** Called with each error that a unary handler throws. */
  readonly onError: (error: unknown) => void;
  /** Limits the unread responses of unary calls. @default no limit */
  readonly pending?: PendingResponses;
}

function definitionOf(
  service: DescService,
  name: string,
): Record<string, MethodDefinition<unknown, Uint8Array | EncodedMessages>> {
  return Object.fromEntries(service.methods.map((method) => [
    method.localName,
    {
      path: `/${name}/${method.name}`,
      requestStream: method.methodKind === "client_streaming" ||
        method.methodKind === "bidi_streaming",
      responseStream: method.methodKind === "server_streaming" ||
        method.methodKind === "bidi_streaming",
      requestDeserialize: (bytes: Buffer) =>
        new PendingRequest(
          fromBinary(method.input, bytes, { readUnknownFields: false }),
        ),
      responseSerialize: serialize,
      // The client's half of a definition; a server never calls it.
      requestSerialize: () => Buffer.alloc(0),
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  ]));
}

/** Returns the kind of each method of a service, by its path. */
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
 * Holds a request until its handler takes it. grpc-js keeps what a deserializer
 * returns while the call is open, which can be hours; a request can have
 * megabytes.
 */
export class PendingRequest<T = unknown> {
  #message: T | undefined;

  constructor(message: T) {
    this.#message = message;
  }

  /** Returns the request and releases it; to be called once. */
  take(): T {
    const message = this.#message as T;
    this.#message = undefined;
    return message;
  }
}

/** Responds to a unary call; errors of the handler become a status. */
function unary(
  handler: (request: unknown) => Uint8Array,
  onError: (error: unknown) => void,
  pending: PendingResponses | undefined,
): UntypedHandleCall {
  return (
    call: ServerUnaryCall<PendingRequest, Uint8Array>,
    callback: sendUnaryData<Uint8Array>,
  ) => {
    let response: Uint8Array;
    try {
      response = handler(call.request.take());
      pending?.add(call, response.length);
    } catch (error) {
      onError(error);
      callback(toStatus(error));
      return;
    }
    callback(null, response);
  };
}

/** Adds a service to `server`; each method is handled by its handler. */
export function addService<S extends DescService>(
  server: Server,
  service: S,
  options: AddServiceOptions<S>,
): void {
  const { name = service.typeName, onError, pending } = options;
  // `Handlers` pairs each handler with its method's kind; here it is untyped.
  const handlers = options.handlers as Readonly<Record<string, unknown>>;
  const adapt = ({ localName, methodKind }: DescMethod): UntypedHandleCall => {
    const handler = handlers[localName];
    if (methodKind === "unary") {
      const respond = handler as (request: unknown) => Uint8Array;
      return unary(respond, onError, pending);
    }
    if (methodKind === "server_streaming") {
      const serve = handler as (request: unknown, call: StreamCall) => void;
      return (call: StreamCall) => serve((call.request as PendingRequest).take(), call);
    }
    return handler as UntypedHandleCall;
  };
  server.addService(
    definitionOf(service, name),
    Object.fromEntries(
      service.methods.map((method) => [method.localName, adapt(method)]),
    ),
  );
}
