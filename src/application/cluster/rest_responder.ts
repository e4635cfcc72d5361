/**
 * Sends the REST requests of edges with the credentials of the hub.
 *
 * Only what the program itself reads may be requested. Equal requests that are in flight at the
 * same time are one, also those that an edge repeats; more requests than allowed are refused. Some
 * are kept for edges that have none in flight, so that a few edges do not exclude the others.
 *
 * @module
 */
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { RestReply, RestRequest } from "./messages.ts";

/** The response of Alpaca to a GET request. */
export interface ApiText {
  /** JSON. */
  readonly body: string;
  /** Wall clock ms that the response names, in whole seconds; 0 if it names none. */
  readonly serverTime: number;
}

/** Sends GET requests to Alpaca. */
export interface ApiReader {
  /** @throws ApiUnavailable */
  read(request: Omit<RestRequest, "edge">, signal: AbortSignal): Promise<ApiText>;
}

/** The secrets of this process, which no reply may contain. */
interface Secrets {
  /** Removes them from a text. */
  readonly redact: (text: string) => string;
  /** Whether a text contains one. */
  readonly isIn: (text: string) => boolean;
}

/** Different requests in flight, of all edges and of one. */
const MAX_REQUESTS = 64;
const MAX_REQUESTS_PER_EDGE = 16;
/** Of all, those for edges that have none in flight. */
const RESERVED = 16;
/** In the place of the name of an edge that is not attached, which may be invented. */
const NOT_ATTACHED = "";
const FORBIDDEN = 403;

/** Paths that may be requested, by API. */
const ALLOWED: Readonly<Record<RestRequest["api"], RegExp>> = {
  data: new RegExp(
    "^/(?:v2/stocks/(?:quotes|trades|bars)(?:/latest)?" +
      "|v1beta1/options/(?:quotes|trades)(?:/latest)?" +
      "|v1beta1/options/snapshots/[A-Z0-9]+(?:\\.[A-Z0-9]+)?)$",
  ),
  trading: /^\/v2\/(?:options\/contracts|orders(?:\/[A-Za-z0-9-]+)?|account\/activities\/FILL)$/,
};

/** Answers the REST requests of edges. */
export class RestResponder {
  readonly #reader: ApiReader;
  readonly #secrets: Secrets;
  readonly #isAttached: (edge: string) => boolean;
  /** Replies to come, by request. */
  readonly #inFlight = new Map<string, Promise<RestReply>>();
  /** The requests in flight of each edge that has some. */
  readonly #byEdge = new Map<string, Set<string>>();

  /** @param isAttached whether an edge has a session with this hub */
  constructor(reader: ApiReader, secrets: Secrets, isAttached: (edge: string) => boolean) {
    this.#reader = reader;
    this.#secrets = secrets;
    this.#isAttached = isAttached;
  }

  /** Answers a request; never rejects. */
  async respond(request: RestRequest, signal: AbortSignal): Promise<RestReply> {
    const { api, path, query } = request;
    if (!ALLOWED[api].test(path)) return refusal(FORBIDDEN, `${path} may not be requested`);
    const key = `${api} ${path}?${query}`;
    const edge = this.#isAttached(request.edge) ? request.edge : NOT_ATTACHED;
    const own = this.#byEdge.get(edge) ?? new Set();
    if (!own.has(key) && own.size >= MAX_REQUESTS_PER_EDGE) return { busy: true };
    let reply = this.#inFlight.get(key);
    if (!reply) {
      const limit = own.size === 0 ? MAX_REQUESTS : MAX_REQUESTS - RESERVED;
      if (this.#inFlight.size >= limit) return { busy: true };
      reply = this.#read(request, signal).finally(() => this.#inFlight.delete(key));
      this.#inFlight.set(key, reply);
    }
    this.#byEdge.set(edge, own.add(key));
    try {
      return await reply;
    } finally {
      own.delete(key);
      if (own.size === 0) this.#byEdge.delete(edge);
    }
  }

  async #read(request: RestRequest, signal: AbortSignal): Promise<RestReply> {
    const { redact, isIn } = this.#secrets;
    try {
      const { body, serverTime } = await this.#reader.read(request, signal);
      // A body is not changed: it is data.
      return isIn(body)
        ? refusal(FORBIDDEN, "the response contains a secret; check the address of the API")
        : { body, serverTime };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const status = error instanceof ApiUnavailable ? error.status : undefined;
      return { error: { message: redact(message), status } };
    }
  }
}

function refusal(status: number, message: string): RestReply {
  return { error: { message, status } };
}
