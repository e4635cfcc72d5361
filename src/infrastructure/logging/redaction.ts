/**
 * Replaces secrets in texts: those that are known, also where a URL has percent-encoded them, and
 * what has the form of a client's token, which a client can send in any field of a request. It is
 * the last safeguard: secrets are not passed to the log to begin with.
 *
 * @module
 */

/** Shown in place of a secret. */
const MARK = "<secret>";

/** Shorter texts are not replaced: they would match ordinary words. */
const MIN_LENGTH = 4;

/** Tokens of `deno task token`, and JWTs. */
const TOKENS = /\basp_[\w-]{43}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;

/** A function that replaces every one of `secrets`, and tokens of clients, in a text. */
export function redact(secrets: readonly string[]): (text: string) => string {
  const forms = secrets.filter((secret) => secret.length >= MIN_LENGTH).flatMap((
    secret,
  ) => [secret, encodeURIComponent(secret)]);
  // Longest first: one secret may be the beginning of another.
  const known = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) =>
    known.reduce((shown, secret) => shown.replaceAll(secret, MARK), text).replaceAll(TOKENS, MARK);
}
