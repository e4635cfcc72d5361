/**
 * The port to Alpaca's REST API by way of another process, which has the credentials.
 *
 * @module
 */
import type { RestPurpose } from "../status/counters.ts";

/** Alpaca's APIs, which have addresses of their own. */
export type RestApi = "trading" | "data";

/** A GET request. */
export interface ForwardedRequest {
  readonly api: RestApi;
  /** With a slash at the start. */
  readonly path: string;
  /** Without a question mark. */
  readonly query: string;
  readonly purpose: RestPurpose;
}

/** The response to a request that Alpaca has answered. */
export interface ForwardedResponse {
  readonly body: string;
  /** How far the own clock is ahead of Alpaca's, in ms; `undefined` while it is not known. */
  readonly clockAheadMs: number | undefined;
}

/** Sends requests by way of another process. */
export interface RestForwarder {
  /** @throws ApiUnavailable */
  get(request: ForwardedRequest, signal: AbortSignal): Promise<ForwardedResponse>;
}
