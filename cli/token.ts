/**
 * Makes a bearer token for a client, and prints it with the digest for the access policy.
 *
 * The token has 256 random bits and a prefix by which secret scanners find it. It is not stored.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";

/** A new token and its digest. */
interface NewToken {
  /** Given to the client. */
  readonly token: string;
  /** Written into `tokens` of an identity. */
  readonly digest: string;
}

const HELP = `Makes a bearer token for a client, and the digest for STREAM_PROXY_ACCESS.

Usage: deno task token

The token is shown once and stored nowhere. docs/security.md describes the policy.
`;

/** Makes a token. */
export function makeToken(): NewToken {
  const token = `asp_${randomBytes(32).toString("base64url")}`;
  return { token, digest: `sha256:${createHash("sha256").update(token).digest("hex")}` };
}

/** What the command prints. */
export function tokenText({ token, digest }: NewToken): string {
  return `Token, for the client (shown only here):
  ${token}
Digest, for an identity in STREAM_PROXY_ACCESS:
  "tokens": ["${digest}"]
`;
}

if (import.meta.main) {
  const [argument] = Deno.args;
  const isHelp = argument === "--help" || argument === "-h";
  const stream = argument === undefined || isHelp ? Deno.stdout : Deno.stderr;
  const help = isHelp ? HELP : `Cannot use ${argument}: there are no arguments\n\n${HELP}`;
  const text = argument === undefined ? tokenText(makeToken()) : help;
  stream.writeSync(new TextEncoder().encode(text));
  if (argument !== undefined && !isHelp) Deno.exit(2);
}
