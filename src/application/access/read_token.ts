/**
 * Reads tokens from the `authorization` header.
 *
 * @module
 */

/**
 * Returns the token of an `authorization` header: that of `Bearer`, or the password of `Basic`,
 * which browsers send; `undefined` without a header. What has another form is returned as it is: it
 * is not a token that is known.
 */
export function readToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const [, scheme = "", value = ""] = /^(\w+) +(.*)$/s.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      return value.trim();
    case "basic":
      return passwordOf(value.trim());
    default:
      return header;
  }
}

/** The password of `user:password` in base64; the text itself when it is something else. */
function passwordOf(text: string): string {
  try {
    const decoded = new TextDecoder().decode(Uint8Array.fromBase64(text));
    return decoded.slice(decoded.indexOf(":") + 1);
  } catch {
    return text;
  }
}
