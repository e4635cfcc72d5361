/**
 * Serves calls of services beside the pages of a port.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isAllowedHost } from "./allowed_hosts.ts";

/** Serves calls; it limits their requests, time and number itself. */
export interface RpcEndpoint {
  /** Whether a path belongs to a service. */
  serves(path: string): boolean;
  /** Serves one request; resolves when its response is complete or its connection is closed. */
  serve(
    path: string,
    request: IncomingMessage,
    response: ServerResponse<IncomingMessage>,
  ): Promise<void>;
}

/**
 * Serves one request like {@linkcode RpcEndpoint}; returns `undefined` when its path belongs to no
 * service.
 */
export type ServeRpc = (
  url: URL,
  request: IncomingMessage,
  response: ServerResponse<IncomingMessage>,
) => Promise<void> | undefined;

/**
 * Limits the names under which calls are served, as those of the status page are.
 *
 * @param hosts allowed names besides IP addresses and localhost
 */
export function limitRpcHosts(endpoint: RpcEndpoint, hosts: readonly string[]): ServeRpc {
  const isAllowed = isAllowedHost(hosts);
  return ({ hostname, pathname }, request, response) => {
    if (!endpoint.serves(pathname)) return undefined;
    if (isAllowed(hostname)) return endpoint.serve(pathname, request, response);
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once("close", resolve);
    response.writeHead(403, { "content-type": "text/plain; charset=utf-8" }).end(
      `Calls are not served under the name ${hostname}. Use an IP address or localhost, or ` +
        "add the name to STREAM_PROXY_ALLOWED_HOSTS\n",
    );
    return promise;
  };
}
