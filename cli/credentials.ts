/**
 * The credentials of a command, from variables: arguments are visible to other users.
 *
 * @module
 */
import type { Credentials, TlsOptions } from "../client/credentials.ts";

/** The variables of each part of {@linkcode TlsOptions}. */
const TLS_VARIABLES = {
  ca: "STREAM_PROXY_CLIENT_CA",
  cert: "STREAM_PROXY_CLIENT_CERT",
  key: "STREAM_PROXY_CLIENT_KEY",
} as const satisfies Record<keyof TlsOptions, string>;

/** Help on the variables. */
export const CREDENTIALS_HELP = `STREAM_PROXY_TOKEN is the bearer token; for https:// addresses,
STREAM_PROXY_CLIENT_CA, STREAM_PROXY_CLIENT_CERT and STREAM_PROXY_CLIENT_KEY
are PEM text.`;

/** Reads the credentials; in PEM text, `\\n` may stand for line breaks. */
export function credentialsOf(env: Readonly<Record<string, string | undefined>>): Credentials {
  const parts = Object.entries(TLS_VARIABLES).flatMap(([part, name]) => {
    const text = env[name]?.replaceAll("\\n", "\n");
    return text ? [[part, text]] : [];
  });
  const token = env["STREAM_PROXY_TOKEN"];
  return { ...token && { token }, tls: Object.fromEntries(parts) };
}
