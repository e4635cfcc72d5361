/**
 * Serves the services over HTTP/1.1, by gRPC-Web and Connect, with the handlers and the limits of
 * gRPC.
 *
 * A request is refused in this order: by the origin of its page, its HTTP method, its path and its
 * content type with an HTTP error; then with a status of its protocol while too many calls of the
 * port are open, when its client is not authenticated, while too many calls are open in all, and
 * when its body exceeds a limit. Cross-origin pages
 * that are not listed reach none of it: see `cors.ts`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { OpeningRate } from "../../../application/limits/opening_rate.ts";
import type { Clock } from "../../../application/ports/clock.ts";
import type { Identity } from "../../../domain/access/grants.ts";
import { addressBlock } from "../../../domain/limits/address_block.ts";
import {
  CallError,
  ClientGone,
  exhausted,
  openedTooOften,
  refusalOf,
  toCallError,
} from "../call_error.ts";
import type { CallIdentities } from "../call_identities.ts";
import type { CallCounts } from "../limits/call_counts.ts";
import { KeyedCounts } from "../limits/keyed_counts.ts";
import type { OpenCalls } from "../open_calls.ts";
import type { StreamCall } from "../call.ts";
import type { ServedService, UnaryHandler } from "../methods.ts";
import { RequestHolder } from "../request_holder.ts";
import { Code } from "../status_code.ts";
import type { PendingResponses } from "../unary_responses.ts";
import { Cors } from "./cors.ts";
import { compressed, protocolOf, type WebProtocol } from "./protocol.ts";
import { type BodyLimits, readBody } from "./read_body.ts";
import { WebCall } from "./web_call.ts";

/** HTTP connections that are kept for other requests, at most; a quarter of a small limit. */
const RESERVED_CONNECTIONS = 64;
/** Part of the connections of an address that may be calls, so that others have some as well. */
const ADDRESS_SHARE = 0.5;
/** Parts of the calls of which the token is being verified, in all and by address. */
const VERIFYING = { total: 0.5, perAddress: 0.25 } as const;
/** Part of the calls of the port that one identity may have. */
const IDENTITY_SHARE = 0.75;
/** Parts of the calls that need no identity although there is a policy, in all and by address. */
const WITHOUT_IDENTITY = { total: 0.25, perAddress: 0.125 } as const;
/** Time in which a client has to read the response to a unary call, in ms. */
const READ_TIMEOUT_MS = 30_000;

/** Headers of every response. */
const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** What a {@linkcode WebEndpoint} needs. */
interface WebEndpointOptions extends BodyLimits {
  readonly services: readonly ServedService[];
  /** Origins of pages that may call; `*` is every page. */
  readonly origins: Iterable<string>;
  /** Connections of the HTTP ports at a time. */
  readonly maxHttpConnections: number;
  /** The same of one address, of which half may be calls; 0 for no limit. @default 0 */
  readonly maxHttpConnectionsPerAddress?: number;
  /** Time between two TCP keepalive probes of a silent connection, in ms. */
  readonly keepaliveMs: number;
  readonly calls: OpenCalls;
  readonly counts: CallCounts;
  readonly openings: OpeningRate;
  readonly identities: CallIdentities;
  readonly pending: PendingResponses;
  readonly clock: Clock;
  /** Called with each error that a unary handler throws. */
  readonly onError: (error: unknown) => void;
}

/** A method and its handler. */
interface ServedMethod {
  readonly method: DescMethod;
  readonly handler: unknown;
}

/** One request and how it is answered. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse<IncomingMessage>;
  readonly protocol: WebProtocol;
  readonly served: ServedMethod;
  /** Path of the method. */
  readonly path: string;
  readonly peer: string;
  /** Headers of the response. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Serves requests of an HTTP port. */
export class WebEndpoint {
  readonly #options: WebEndpointOptions;
  readonly #cors: Cors;
  readonly #services: ReadonlySet<string>;
  readonly #methods = new Map<string, ServedMethod>();
  /** Open calls, by block of addresses. */
  readonly #calls: KeyedCounts;
  /** Those of which the token is being verified; most tokens need no time for it. */
  readonly #verifying: KeyedCounts;
  /** Those that need no identity although there is a policy. */
  readonly #withoutIdentity: KeyedCounts;
  /** Those of identities. */
  readonly #ofIdentities: KeyedCounts;

  constructor(options: WebEndpointOptions) {
    const { services, origins, maxHttpConnections, maxHttpConnectionsPerAddress = 0 } = options;
    this.#options = options;
    this.#cors = new Cors(origins);
    this.#services = new Set(services.map(({ desc }) => desc.typeName));
    for (const { desc, handlers } of services) {
      for (const method of desc.methods) {
        const handler = handlers[method.localName];
        this.#methods.set(`/${desc.typeName}/${method.name}`, { method, handler });
      }
    }
    const reserved = Math.min(RESERVED_CONNECTIONS, Math.ceil(maxHttpConnections / 4));
    const total = Math.max(1, maxHttpConnections - reserved);
    const perAddress = Math.ceil(maxHttpConnectionsPerAddress * ADDRESS_SHARE);
    this.#calls = new KeyedCounts({ total, perKey: perAddress || Infinity });
    this.#verifying = new KeyedCounts({
      total: Math.ceil(total * VERIFYING.total),
      perKey: perAddress ? Math.ceil(total * VERIFYING.perAddress) : Infinity,
    });
    this.#ofIdentities = new KeyedCounts({ total, perKey: Math.ceil(total * IDENTITY_SHARE) });
    this.#withoutIdentity = new KeyedCounts({
      total: Math.ceil(total * WITHOUT_IDENTITY.total),
      perKey: Math.ceil(total * WITHOUT_IDENTITY.perAddress),
    });
  }

  /** Whether a path belongs to one of the services. */
  serves(path: string): boolean {
    return this.#services.has(path.split("/", 2)[1] ?? "");
  }

  /** Serves one request; resolves when its response is complete or its connection is closed. */
  async serve(
    path: string,
    request: IncomingMessage,
    response: ServerResponse<IncomingMessage>,
  ): Promise<void> {
    const { promise: completed, resolve } = Promise.withResolvers<void>();
    response.once("close", resolve);
    const { origin, host } = request.headers;
    const headers = { ...HEADERS, ...this.#cors.headers(origin) };
    const refuse = (status: number, text: string, more: Record<string, string> = {}) => {
      const type = { "content-type": "text/plain; charset=utf-8" };
      response.writeHead(status, { ...headers, ...type, ...more }).end(`${text}\n`);
      return completed;
    };
    if (!this.#cors.allows(origin, host)) {
      return await refuse(
        403,
        "Pages of this origin may not call the proxy; add it to STREAM_PROXY_CORS_ORIGINS",
      );
    }
    if (request.method === "OPTIONS") {
      response.writeHead(204, { ...HEADERS, ...this.#cors.preflightHeaders(origin) }).end();
      return await completed;
    }
    const served = this.#methods.get(path);
    if (served === undefined) return await refuse(404, "The service has no such method");
    if (request.method !== "POST") return await refuse(405, "Use POST", { allow: "POST" });
    const isUnary = served.method.methodKind === "unary";
    const protocol = protocolOf(request.headers["content-type"], isUnary);
    if (protocol === undefined) return await refuse(415, unsupported(isUnary));
    const { socket } = request;
    socket.setKeepAlive(true, this.#options.keepaliveMs);
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const exchange = { request, response, protocol, served, path, peer, headers };
    try {
      await this.#answer(exchange);
    } catch (error) {
      if (error instanceof ClientGone || response.headersSent) socket.destroy();
      else respondError(exchange, toCallError(refusalOf(error)));
    }
    await completed;
    // A browser reconnects, and reaches another proxy behind a balancer.
    if (this.#options.calls.isRefusing) socket.destroySoon();
  }

  /**
   * Admits, reads and handles a call.
   *
   * @throws {CallError} why it is refused
   */
  async #answer(exchange: Exchange): Promise<void> {
    const { request, response, served, protocol, peer } = exchange;
    let isOver = false;
    response.once("close", () => isOver = true);
    this.#admit(exchange);
    const timeoutMs = protocol.timeout(request.headers);
    const identity = await this.#authenticate(exchange);
    // A call that is over would stay counted.
    if (isOver) return;
    this.#count(exchange, identity);
    const compression = protocol.compression(request.headers);
    if (compression !== undefined) throw compressed(`the compression ${compression}`);
    const message = await this.#read(exchange);
    if (response.destroyed) return;
    if (served.method.methodKind === "unary") {
      this.#respond(exchange, message.take(), identity);
      return;
    }
    const { clock } = this.#options;
    const { method: { output }, handler } = served;
    const call = new WebCall({ ...exchange, request: message, output, identity, peer, clock });
    if (timeoutMs !== undefined) void this.#endAfter(timeoutMs, call);
    await (handler as (call: StreamCall) => unknown)(call);
  }

  /** Counts a call as one of the port until its response is complete. */
  #admit({ served, peer, request, response }: Exchange): void {
    const { openings, refusals } = this.#options;
    const { methodKind } = served.method;
    const tooOften = methodKind === "unary"
      ? undefined
      : openings.connection(request.socket.remoteAddress ?? "")();
    if (tooOften) {
      refusals.report("stream_openings", peer, tooOften.message);
      throw openedTooOften(tooOften);
    }
    const block = addressBlock(request.socket.remoteAddress ?? "");
    const excess = this.#calls.open(block, (listener) => response.once("close", listener));
    if (excess === undefined) return;
    const { limit, open } = excess;
    if (limit === "total") {
      const text = `The HTTP port has ${open} open calls, as many as ` +
        "STREAM_PROXY_MAX_HTTP_CONNECTIONS leaves to them";
      refusals.report("http_connections", peer, text);
      throw exhausted("calls of the HTTP port", text, "close streams or raise it");
    }
    const text = `The address has ${open} open calls of the HTTP port, half of ` +
      "STREAM_PROXY_MAX_HTTP_CONNECTIONS_PER_ADDRESS";
    refusals.report("connections_per_address", peer, text);
    throw exhausted("calls of the address", text, "close streams, raise it or set it to 0");
  }

  /** Counts a call of which the client is authenticated, until its response is complete. */
  #count({ served, path, peer, request, response }: Exchange, { name }: Identity): void {
    const { counts, identities, refusals } = this.#options;
    const { methodKind } = served.method;
    const onOver = (listener: () => void) => response.once("close", listener);
    const address = request.socket.remoteAddress ?? "";
    const isOpenToAll = identities.isOpenToAll(path);
    const [who, key, ofPort] = isOpenToAll
      ? ["an address without an identity", addressBlock(address), this.#withoutIdentity] as const
      : ["an identity", name, this.#ofIdentities] as const;
    if (ofPort.open(key, onOver)) {
      const text = `The HTTP port has as many calls of ${who} as it accepts`;
      refusals.report("http_connections", peer, text);
      throw exhausted(`calls of ${who}`, text, "close streams, or retry later");
    }
    const excess = isOpenToAll
      ? counts.openWithoutIdentity(methodKind, peer, address, onOver)
      : counts.open(methodKind, peer, onOver, name);
    if (excess) throw excess;
  }

  #authenticate({ request, path, peer }: Exchange): Identity | Promise<Identity> {
    const { identities, refusals } = this.#options;
    const { remoteAddress: address = "" } = request.socket;
    // Browsers send the password of the status page by themselves.
    const { authorization = "" } = request.headers;
    const token = /^basic\b/i.test(authorization) ? undefined : authorization || undefined;
    const caller = { peer, address, certificate: undefined };
    const identity = identities.authenticate(path, token, caller);
    if (!(identity instanceof Promise)) return identity;
    let end = () => {};
    if (this.#verifying.open(addressBlock(address), (listener) => end = listener)) {
      // Nothing waits for it any more.
      identity.catch(() => {});
      const text = "The HTTP port verifies the tokens of as many calls as it accepts";
      refusals.report("http_connections", peer, text);
      throw exhausted("calls whose token is verified", text, "retry later");
    }
    return identity.finally(end);
  }

  async #read({ request, protocol, served }: Exchange): Promise<RequestHolder<Message>> {
    const body = await readBody(request, protocol.isFramed, this.#options);
    return new RequestHolder(protocol.decode(served.method.input, body));
  }

  /** Responds to a unary call. */
  #respond(exchange: Exchange, message: Message, identity: Identity): void {
    const { response, protocol, served, headers, peer } = exchange;
    const { pending, onError } = this.#options;
    let bytes: Uint8Array;
    try {
      const encoded = (served.handler as UnaryHandler)(message, identity, peer);
      pending.add({
        peer,
        once: (event, listener) => response.once(event === "cancelled" ? "close" : event, listener),
        end: () => response.req.socket.destroy(),
      }, encoded.length);
      bytes = protocol.frame(served.method.output, [encoded]);
    } catch (error) {
      const refusal = this.#options.identities.refusalOf(error, identity, peer);
      onError(refusal);
      throw refusal;
    }
    response.writeHead(200, { ...headers, "content-type": protocol.contentType });
    response.write(bytes);
    response.end(protocol.end());
    void this.#closeUnread(response);
  }

  /** Closes the connection of a client that does not read a response. */
  async #closeUnread(response: ServerResponse<IncomingMessage>): Promise<void> {
    const over = new AbortController();
    response.once("close", () => over.abort());
    await this.#options.clock.sleep(READ_TIMEOUT_MS, over.signal);
    if (!over.signal.aborted) response.req.socket.destroy();
  }

  /** Ends a call at the deadline that its client has set. */
  async #endAfter(timeoutMs: number, call: WebCall): Promise<void> {
    await this.#options.clock.sleep(timeoutMs, call.over);
    if (!call.over.aborted) call.end(new CallError(Code.DEADLINE_EXCEEDED, "Deadline exceeded"));
  }
}

/** Responds with an error alone. */
function respondError({ response, protocol, headers }: Exchange, error: CallError): void {
  const { status, contentType } = protocol.errorHead(error);
  response.writeHead(status, { ...headers, "content-type": contentType });
  response.end(protocol.end(error));
}

function unsupported(isUnary: boolean): string {
  const connect = isUnary
    ? "application/json or application/proto"
    : "application/connect+json or application/connect+proto";
  return `Use the content type ${connect} (Connect), or application/grpc-web`;
}
