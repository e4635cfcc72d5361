/**
 * Static bearer tokens, of which only digests are known.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { StaticTokens } from "../../application/access/authenticator.ts";

/** Compares two buffers of the same length in constant time. */
type Equal = (one: Uint8Array, other: Uint8Array) => boolean;

/** Finds tokens by their digests. */
export class TokenDigests implements StaticTokens {
  readonly #digests: readonly Buffer[];
  /** Index of the identity of each digest. */
  readonly #owners: readonly number[];
  readonly #equal: Equal;

  /**
   * @param digests of each identity, as hexadecimal SHA-256; no digest twice
   * @param equal for tests that count comparisons
   */
  constructor(digests: readonly (readonly string[])[], equal: Equal = timingSafeEqual) {
    this.#digests = digests.flat().map((digest) => Buffer.from(digest, "hex"));
    this.#owners = digests.flatMap((each, owner) => each.map(() => owner));
    this.#equal = equal;
  }

  /** Compares with every digest, so that the time does not show which one is equal. */
  find(token: string): number | undefined {
    const digest = createHash("sha256").update(token).digest();
    let found = 0;
    for (let i = 0; i < this.#digests.length; i++) {
      found += Number(this.#equal(digest, this.#digests[i] as Buffer)) * (i + 1);
    }
    return this.#owners[found - 1];
  }
}
