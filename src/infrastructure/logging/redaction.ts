/**
 * The last line of defence against secrets in logs: known texts are replaced
 * wherever they turn up, also where a URL has percent-encoded them.
 *
 * @module
 */

/** What stands in for a secret. */
const MARK = "<secret>";

/** Texts shorter than this would blot out ordinary words. */
const SHORTEST = 4;

/** A function that replaces every one of `secrets` in a text. */
export function redact(secrets: readonly string[]): (text: string) => string {
  const forms = secrets.filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  // Longest first: a key may be the beginning of another one.
  const known = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) =>
    known.reduce((shown, secret) => shown.replaceAll(secret, MARK), text);
}
