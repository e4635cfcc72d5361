/**
 * Certificates for the ports of the proxy and its clients, made by `tls/proxy/make.sh`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const FOLDER = new URL("tls/proxy/", import.meta.url);

/** Path of a file, such as `ca.pem`. */
export function certificatePath(name: string): string {
  return fileURLToPath(new URL(name, FOLDER));
}

/** Text of a file, such as `ca.pem`. */
export function certificateText(name: string): string {
  return Deno.readTextFileSync(new URL(name, FOLDER));
}

/** Certificate and key of a name, such as `client`. */
export function keyPair(name: string): { readonly cert: string; readonly key: string } {
  return { cert: certificateText(`${name}.pem`), key: certificateText(`${name}.key`) };
}

/** The CA of all certificates but `client_untrusted`. */
export const PROXY_CA: string = certificateText("ca.pem");

/** Settings of a proxy with TLS; with `clients`, their certificates are verified. */
export function tlsEnvironment(clients?: "require" | "request"): Record<string, string> {
  const { cert, key } = keyPair("proxy");
  return {
    STREAM_PROXY_TLS_CERT: cert,
    STREAM_PROXY_TLS_KEY: key,
    ...clients && {
      STREAM_PROXY_TLS_CLIENT_CA: PROXY_CA,
      STREAM_PROXY_TLS_CLIENT_AUTH: clients,
    },
  };
}
