/**
 * The address of a proxy on a command line.
 *
 * @module
 */
import { ACCEPTED_ADDRESSES, type ProxyAddress, readAddress } from "../client/address.ts";
import { UsageError } from "./flags.ts";

/**
 * Reads `localhost:50052`, `[::1]:50052`, `http://host:50052` or
 * `https://host` (TLS).
 *
 * @param source where it was set, for the message: `--address`
 * @throws {UsageError} when it is none of these
 */
export function parseAddress(text: string, source: string): ProxyAddress {
  const address = readAddress(text);
  if (address === undefined) throw new UsageError(`${source} ${text}`, ACCEPTED_ADDRESSES);
  return address;
}

/**
 * The address of a command: the flag, a variable, or `localhost`.
 *
 * @param given the value of `--address`
 * @throws {UsageError} when it is no address
 */
export function chooseAddress(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): ProxyAddress {
  if (given !== undefined) return parseAddress(given, "--address");
  for (const name of ["STREAM_PROXY_ADDRESS", "STREAM_PROXY_URL"]) {
    const text = env[name];
    if (text) return parseAddress(text, name);
  }
  return parseAddress("localhost", "the default");
}
