/**
 * JSON frames without escapes in their keys.
 *
 * V8 (15.0 in Deno 2.9.6, 13.6 to 14.6 in Node.js) can read a key with an escape
 * as another key, depending on what was parsed before: after an object with the
 * keys `h` and a backslash, one with `h` and a quote gets a backslash for it
 * (https://github.com/nodejs/node/issues/63785). Keys without escapes, as Alpaca
 * sends them, are not affected. Two decoders, or one decoder twice, can therefore
 * differ on a frame with such keys without being at fault. The test "V8 misreads
 * keys with escapes" fails once this can go.
 *
 * @module
 */
import type { Target } from "./target.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const KEY = /"(?:[^"\\]|\\.)*\\.(?:[^"\\]|\\.)*"(?=\s*:)/gs;
/** What JSON cannot have in a string without an escape. */
// deno-lint-ignore no-control-regex
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;
const SUBSTITUTE = '"k"';

/**
 * The frame with its keys written without escapes, where they need one as `k`.
 *
 * @returns undefined when there is nothing to change
 */
export function withPlainKeys(frame: Uint8Array): Uint8Array | undefined {
  let text: string;
  try {
    text = utf8.decode(frame);
  } catch {
    return undefined;
  }
  const plain = text.replace(KEY, (token) => {
    try {
      const key: string = JSON.parse(token);
      return NEEDS_ESCAPE.test(key) ? SUBSTITUTE : JSON.stringify(key);
    } catch {
      return token;
    }
  });
  return plain === text ? undefined : new TextEncoder().encode(plain);
}

/** Runs a target; what only an escape in a key causes is no problem of it. */
export function problemOf(
  target: Target,
  input: Uint8Array,
  thorough: boolean,
): string | undefined {
  const problem = target.run(input, thorough);
  if (problem === undefined || !target.isText) return problem;
  const plain = withPlainKeys(input);
  return plain === undefined ? problem : target.run(plain, thorough);
}
