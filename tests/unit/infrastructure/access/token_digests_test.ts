import assert from "node:assert/strict";
import { timingSafeEqual } from "node:crypto";
import { makeToken } from "../../../../cli/token.ts";
import { TokenDigests } from "../../../../src/infrastructure/access/token_digests.ts";

const made = Array.from({ length: 5 }, makeToken);
const tokens = made.map(({ token }) => token);
const digests = made.map(({ digest }) => digest.slice("sha256:".length));

Deno.test("a made token has 256 random bits and a prefix that secret scanners find", () => {
  for (const token of tokens) assert.match(token, /^asp_[A-Za-z0-9_-]{43}$/);
  assert.equal(new Set(tokens).size, tokens.length);
});

Deno.test("a token belongs to the identity that has its digest", () => {
  const [a = "", b = "", c = "", d = "", e = ""] = digests;
  const known = new TokenDigests([[a, b], [], [c], [d, e]]);
  assert.deepEqual(tokens.map((token) => known.find(token)), [0, 0, 2, 3, 3]);
  assert.equal(known.find("asp_"), undefined);
  assert.equal(known.find(a), undefined, "a digest is not a token");
  assert.equal(new TokenDigests([]).find(tokens[0] ?? ""), undefined);
});

Deno.test("every token is compared with every digest, whichever is equal", () => {
  const compared = (token: string) => {
    const pairs: string[] = [];
    const known = new TokenDigests(digests.map((digest) => [digest]), (one, other) => {
      assert.deepEqual([one.length, other.length], [32, 32]);
      pairs.push(other.toHex());
      return timingSafeEqual(one, other);
    });
    known.find(token);
    return pairs;
  };
  const [first = ""] = tokens;
  for (const token of [first, tokens.at(-1) ?? "", "", "x", `${first}x`, "é".repeat(9)]) {
    assert.deepEqual(compared(token), digests);
  }
});
