/**
 * Reads responses of Alpaca's REST API as text, for processes without credentials.
 *
 * @module
 */
import type { ApiReader } from "../../../application/cluster/rest_responder.ts";
import type { ApiHosts } from "./responses.ts";

/** Makes a reader of both APIs; path and query are those of a request. */
export function apiReader(hosts: ApiHosts): ApiReader {
  return {
    read({ api, path, query, purpose }, signal) {
      const { client, url } = hosts[api];
      const address = new URL(`${url}${path}`);
      address.search = query;
      return client.getText(address, signal, purpose);
    },
  };
}
