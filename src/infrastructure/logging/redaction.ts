/**
 * Replaces known secrets in texts, also where a URL has percent-encoded them.
 * It is the last safeguard: secrets are not passed to the log to begin with.
 *
 * @module
 */

/** Shown in place of a secret. */
const MARK = "<secret>";

/** Shorter texts are not replaced: they would match ordinary words. */
const MIN_LENGTH = 4;

/** A function that replaces every one of `secrets` in a text. */
export function redact(secrets: readonly string[]): (text: string) => string {
  const forms = secrets.filter((secret) => secret.length >= MIN_LENGTH).flatMap((
    secret,
  ) => [secret, encodeURIComponent(secret)]);
  // Longest first: one secret may be the beginning of another.
  const known = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => known.reduce((shown, secret) => shown.replaceAll(secret, MARK), text);
}
