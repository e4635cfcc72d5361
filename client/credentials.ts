/**
 * What a client presents to the proxy.
 *
 * @module
 */

/** Certificates of a connection with TLS, as PEM text. */
export interface TlsOptions {
  /**
   * CAs that sign the certificate of the proxy.
   *
   * @default those of the runtime
   */
  readonly ca?: string;
  /** Certificate of the client, for proxies that ask for one. */
  readonly cert?: string;
  /** Private key of `cert`. */
  readonly key?: string;
}

/** What a client presents to the proxy. */
export interface Credentials {
  /** Bearer token; a function returns the one that is valid now, for each call. @default none */
  readonly token?: string | (() => string | Promise<string>);
  /** Used for addresses with `https://`. */
  readonly tls?: TlsOptions;
}

/** The headers of a call; undefined without a token. */
export async function callHeaders(
  { token }: Credentials,
): Promise<{ readonly authorization: string } | undefined> {
  if (token === undefined) return undefined;
  return { authorization: `Bearer ${typeof token === "string" ? token : await token()}` };
}
