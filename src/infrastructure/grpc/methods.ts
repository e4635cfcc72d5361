/**
 * The methods of the services, and how their calls over HTTP/2 are served.
 *
 * Handlers receive decoded requests and write encoded responses: the messages of a stream are
 * encoded once for all of its clients.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http2";
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Clock } from "../../application/ports/clock.ts";
import type { Identity } from "../../domain/access/grants.ts";
import type { DuplexCall, StreamCall } from "./call.ts";
import type { CallIdentities } from "./call_identities.ts";
import { endUnknown, Http2Call } from "./http2_call.ts";
import type { ServerStream } from "./http2_workarounds/server_stream.ts";
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

/** What the methods of all services share. */
interface MethodsOptions {
  /** Who the clients of calls are. */
  readonly identities: CallIdentities;
  /** Bytes of the largest request. */
  readonly maxRequestBytes: number;
  /** Called with each error that a unary handler throws. */
  readonly onError: (error: unknown) => void;
  /** Limits the unread responses of unary calls. */
  readonly pending: PendingResponses;
  /** Times deadlines. */
  readonly clock: Pick<Clock, "sleep">;
}

/** A method and how its calls are served. */
interface ServedMethod {
  readonly kind: DescMethod["methodKind"];
  readonly decode: (bytes: Uint8Array) => Message;
  readonly serve: (call: Http2Call<Message>) => unknown;
}

/** Serves the methods of services over HTTP/2. */
export class Methods {
  readonly #options: MethodsOptions;
  readonly #methods = new Map<string, ServedMethod>();

  constructor(options: MethodsOptions) {
    this.#options = options;
  }

  /** Adds a service, by its own name or another one. */
  add({ desc, handlers }: ServedService, name: string = desc.typeName): void {
    for (const { name: method, localName, methodKind: kind, input } of desc.methods) {
      // `Handlers` pairs each handler with its method's kind; here it is untyped.
      const handler = handlers[localName];
      this.#methods.set(`/${name}/${method}`, {
        kind,
        decode: (bytes) => fromBinary(input, bytes, { readUnknownFields: false }),
        serve: kind === "unary"
          ? (call) => this.#respond(call, handler as UnaryHandler)
          : handler as ServedMethod["serve"],
      });
    }
  }

  /** The kind of the method with this path; `undefined` when it is not served. */
  kindOf(path: string): DescMethod["methodKind"] | undefined {
    return this.#methods.get(path)?.kind;
  }

  /** Serves a stream that was admitted. */
  async serve(stream: ServerStream, headers: IncomingHttpHeaders, peer: string): Promise<void> {
    const { ":path": path = "" } = headers;
    const method = this.#methods.get(path);
    if (method === undefined) return endUnknown(stream, path);
    const { identities, maxRequestBytes, clock } = this.#options;
    const { decode, kind } = method;
    const identity = identities.of(stream);
    const call = new Http2Call({ stream, headers, peer, identity, maxRequestBytes, decode });
    try {
      call.startDeadline(clock);
      if (kind === "unary" || kind === "server_streaming") await call.read();
    } catch (error) {
      return call.end(error);
    }
    method.serve(call);
  }

  /** Responds to a unary call; errors of the handler become its status. */
  #respond(call: Http2Call<Message>, respond: UnaryHandler): void {
    const { identities, onError, pending } = this.#options;
    const { identity, peer } = call;
    try {
      const response = respond(call.request.take(), identity, peer);
      pending.add(call, response.length);
      call.write([response], () => call.end());
    } catch (error) {
      const refusal = identities.refusalOf(error, identity, peer);
      onError(refusal);
      call.end(refusal);
    }
  }
}
