/**
 * Registers generated services with grpc-js, without generated stubs.
 *
 * Handlers receive decoded requests and write encoded responses: the messages of a stream are
 * encoded once for all of its clients.
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
  ServerUnaryCall,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { ANONYMOUS, type Identity } from "../../domain/access/grants.ts";
import type { DuplexCall, StreamCall } from "./call.ts";
import { toStatus } from "./call_error.ts";
import type { CallIdentities } from "./call_identities.ts";
import { serveDuplex, serveStream } from "./grpc_call.ts";
import { RequestHolder } from "./http2_workarounds/request_holder.ts";
import { sendStatus } from "./http2_workarounds/send_status.ts";
import type { PendingResponses } from "./unary_responses.ts";

/**
 * Handles one method: returns encoded bytes, or writes to the call. `peer` is the address and port
 * of the client.
 */
type Handler<M> = M extends {
  readonly methodKind: infer Kind;
  readonly input: infer I extends DescMessage;
}
  ? Kind extends "unary"
    ? (request: MessageShape<I>, identity: Identity, peer: string) => Uint8Array
  : Kind extends "server_streaming" ? (call: StreamCall<MessageShape<I>>) => void
  : Kind extends "bidi_streaming" ? (call: DuplexCall<MessageShape<I>>) => void
  : never
  : never;

/** A handler for every method of a service. */
export type Handlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: Handler<S["method"][K]>;
};

/** A service and the handlers of its methods, by their local names. */
export interface ServedService {
  readonly desc: DescService;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Pairs a service with its handlers. */
export function serve<S extends DescService>(desc: S, handlers: Handlers<S>): ServedService {
  return { desc, handlers: handlers as Readonly<Record<string, unknown>> };
}

/** Handles a unary method: returns the encoded response. */
export type UnaryHandler = (request: unknown, identity: Identity, peer: string) => Uint8Array;

/** Options of {@linkcode addService}. */
interface AddServiceOptions {
  /** Full name of the service. @default its own */
  readonly name?: string;
  /** Who the clients of calls are. */
  readonly identities: CallIdentities;
  /** Called with each error that a unary handler throws. */
  readonly onError: (error: unknown) => void;
  /** Limits the unread responses of unary calls. @default no limit */
  readonly pending?: PendingResponses;
}

/** Returns the kind of each method of a service, by its path. */
export function methodKinds(
  service: DescService,
  name: string = service.typeName,
): [path: string, kind: DescMethod["methodKind"]][] {
  return service.methods.map((method) => [`/${name}/${method.name}`, method.methodKind]);
}

function definitionOf(
  { name, methodKind, input }: DescMethod,
  service: string,
): MethodDefinition<unknown, Uint8Array> {
  return {
    path: `/${service}/${name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestDeserialize: (bytes: Buffer) =>
      new RequestHolder(fromBinary(input, bytes, { readUnknownFields: false })),
    // Not called where `framed_batch.ts` frames the messages.
    responseSerialize: (message: Uint8Array) => Buffer.from(message),
    // The client's half of a definition; a server never calls it.
    requestSerialize: () => Buffer.alloc(0),
    responseDeserialize: (bytes: Buffer) => bytes,
  };
}

/** Adds a service to `server`; each method is handled by its handler. */
export function addService(
  server: Server,
  { desc, handlers }: ServedService,
  { name = desc.typeName, identities, onError, pending }: AddServiceOptions,
): void {
  /** Responds to a unary call; errors of the handler become a status. */
  const unary = (respond: UnaryHandler) =>
  (
    call: ServerUnaryCall<RequestHolder, Uint8Array>,
    callback: sendUnaryData<Uint8Array>,
  ) => {
    let response: Uint8Array;
    let identity = ANONYMOUS;
    try {
      identity = identities.of(call);
      response = respond(call.request.take(), identity, call.getPeer());
      pending?.add({
        peer: call.getPeer(),
        once: (event, listener) => call.once(event, listener),
        end: (reason) => sendStatus(call, toStatus(reason)),
      }, response.length);
    } catch (error) {
      const refusal = identities.refusalOf(error, identity, call.getPeer());
      onError(refusal);
      callback(toStatus(refusal));
      return;
    }
    callback(null, response);
  };
  const streaming = {
    server_streaming: serveStream,
    client_streaming: serveDuplex,
    bidi_streaming: serveDuplex,
  } as const;
  const definitions: Record<string, ReturnType<typeof definitionOf>> = {};
  const implementations: Record<string, UntypedHandleCall> = {};
  for (const method of desc.methods) {
    // `Handlers` pairs each handler with its method's kind; here it is untyped.
    const handler = handlers[method.localName];
    definitions[method.localName] = definitionOf(method, name);
    implementations[method.localName] = method.methodKind === "unary"
      ? unary(handler as UnaryHandler)
      : streaming[method.methodKind](handler as () => void, identities) as UntypedHandleCall;
  }
  server.addService(definitions, implementations);
}
