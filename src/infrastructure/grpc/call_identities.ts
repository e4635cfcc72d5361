/**
 * Authenticates streams before calls are made of them, so that a refused one costs neither a call
 * nor the decoding of its request.
 *
 * The health service needs no identity: probes have none. Tokens are removed from the headers of
 * streams.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http2";
import {
  type Access,
  type Credentials,
  type PeerCertificate,
  Unauthenticated,
} from "../../application/access/access.ts";
import { authorizeCall, PermissionDenied } from "../../application/access/authorize.ts";
import { readToken } from "../../application/access/read_token.ts";
import { ANONYMOUS, type Identity } from "../../domain/access/grants.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { CallError, refusalOf } from "./call_error.ts";

/** The connection of a call. */
interface Caller {
  /** Address and port. */
  readonly peer: string;
  /** IP address, without the port. */
  readonly address: string;
  readonly certificate: PeerCertificate | undefined;
}

/** Authenticates calls, and returns the identity of each. */
export class CallIdentities {
  readonly #access: Access;
  readonly #identities = new WeakMap<object, Identity>();

  constructor(access: Access) {
    this.#access = access;
  }

  /** Whether there is a policy and a method, by its path, needs no identity nevertheless. */
  isOpenToAll(path: string): boolean {
    return this.#access.isOn && path.startsWith(`/${Health.typeName}/`);
  }

  /**
   * Authenticates a new stream, and checks that its method is granted.
   *
   * @returns why it is refused; `undefined` when it is not
   */
  admit(
    stream: object,
    headers: IncomingHttpHeaders,
    caller: Caller,
  ): CallError | undefined | Promise<CallError | undefined> {
    const { authorization, ":path": path = "" } = headers;
    if (authorization !== undefined) delete headers.authorization;
    if (!this.#access.isOn) return undefined;
    const accept = (identity: Identity) => void this.#identities.set(stream, identity);
    try {
      const identity = this.authenticate(path, authorization, caller);
      if (!(identity instanceof Promise)) return accept(identity);
      return identity.then(accept).catch(toCallError);
    } catch (error) {
      return toCallError(error);
    }
  }

  /**
   * Authenticates the client of a call, and checks that its method is granted.
   *
   * @param path `/package.Service/Method`
   * @param authorization header of the call
   * @throws {Unauthenticated} or rejects with it
   * @throws {CallError} PERMISSION_DENIED, or rejects with it
   */
  authenticate(
    path: string,
    authorization: string | undefined,
    { peer, address, certificate }: Caller,
  ): Identity | Promise<Identity> {
    if (!this.#access.isOn) return ANONYMOUS;
    if (this.isOpenToAll(path)) return ANONYMOUS;
    const authorize = (identity: Identity) => {
      try {
        authorizeCall(identity.grants, path);
      } catch (error) {
        throw this.refusalOf(error, identity, peer);
      }
      return identity;
    };
    const credentials: Credentials = { token: readToken(authorization), certificate, address };
    const identity = this.#access.authenticate(credentials);
    return identity instanceof Promise ? identity.then(authorize) : authorize(identity);
  }

  /**
   * Returns the identity of an admitted stream.
   *
   * @throws {CallError} UNAUTHENTICATED when it has none although authentication is on
   */
  of(stream: object): Identity {
    if (!this.#access.isOn) return ANONYMOUS;
    const identity = this.#identities.get(stream);
    if (identity !== undefined) return identity;
    throw toCallError(new Unauthenticated("missing", "The request needs a bearer token"));
  }

  /** Returns the name of the identity of an admitted stream; "" when it has none. */
  nameOf(stream: object): string {
    return this.#identities.get(stream)?.name ?? "";
  }

  /** Counts an error of a call if it is a denial; returns the error to send. */
  refusalOf(error: unknown, identity: Identity, peer: string): unknown {
    if (error instanceof PermissionDenied) this.#access.denied(peer, identity, error);
    return refusalOf(error);
  }
}

function toCallError(error: unknown): CallError {
  const refusal = refusalOf(error);
  if (refusal instanceof CallError) return refusal;
  throw error;
}
