/**
 * Parses the access policy. All problems are reported together, each with the path of its part and
 * never with a value: an operator may have written a token where a digest belongs.
 *
 * @module
 */
import type { Grants } from "../../domain/access/grants.ts";
import { Patterns } from "../../domain/access/patterns.ts";
import type {
  AccessPolicy,
  JwtAlgorithm,
  JwtRules,
  PolicyIdentity,
} from "../../domain/access/policy.ts";
import { RPCS } from "../../domain/access/rpcs.ts";
import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import type { Parser } from "./parsers.ts";
import { PolicyReader, type TextRule } from "./policy_reader.ts";

/** Most identities of a policy. */
const MAX_IDENTITIES = 1_000;
/** Most tokens of a policy; each request is compared with all of them, some 0.8 µs each. */
const MAX_TOKENS = 256;
/** Algorithms with public keys, so that verifying needs no secret. */
const ALGORITHMS: readonly JwtAlgorithm[] = ["RS256", "ES256", "EdDSA"];
/** Hosts of this machine. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

const NAME: TextRule = {
  // Names are shown in logs, so that they must not be tokens.
  pattern: /^(?!asp_)[A-Za-z0-9][A-Za-z0-9._@/-]{0,63}$/,
  accepts: "1 to 64 letters, digits and ._@/-, not beginning with asp_",
};
const DIGEST: TextRule = {
  pattern: /^sha256:[0-9a-f]{64}$/,
  accepts: "sha256: and 64 lower-case hexadecimal digits, which `deno task token` prints; " +
    "never to the token itself",
};
const CERTIFICATE: TextRule = {
  pattern: /^(CN=[^\n]{1,256}|[a-z][a-z0-9+.-]*:\/\/[\x21-\x7e]{1,512})$/,
  accepts: "a URI such as spiffe://example.org/dashboard, or a common name such as CN=dashboard",
};
const TEXT: TextRule = { pattern: /^[\x21-\x7e]{1,512}$/, accepts: "a text without spaces" };
const SYMBOL: TextRule = {
  pattern: /^(\*|[A-Z0-9][A-Z0-9./]{0,30}\*?)$/,
  accepts: "a symbol in capital letters such as AAPL, a prefix such as SPY*, or *",
};
const RPC: TextRule = {
  pattern: /^(\*|[A-Z][A-Za-z]{0,62}\*?)$/,
  accepts: "a method such as StreamQuotes, a prefix such as Stream*, or *",
};
const FEED: TextRule = {
  pattern: new RegExp(`^(${FEEDS.join("|")})$`),
  accepts: `one of ${FEEDS.join(", ")}`,
};

/** Reads a policy; only valid when the reader has found no problem. */
function readPolicy(value: unknown, reader: PolicyReader): AccessPolicy {
  const policy = reader.object("", value, ["roles", "identities", "jwt"]);
  const roles = new Map(
    Object.entries(reader.map("roles", policy.roles)).map(([name, role], i) => {
      const isName = NAME.pattern.test(name);
      if (!isName) reader.add(`roles, name ${i + 1}`, "is not accepted", `Use ${NAME.accepts}`);
      return [name, readRole(isName ? `roles.${name}` : `roles, ${i + 1}`, role, reader)];
    }),
  );
  const jwt = policy.jwt === undefined ? undefined : readJwt(policy.jwt, reader);
  const identities = reader.list("identities", policy.identities).map((identity, i) =>
    readIdentity(`identities[${i}]`, identity, { roles, reader })
  );
  checkIdentities(identities, reader);
  checkJwt(identities, jwt, reader);
  return { roles, identities, jwt };
}

function readRole(path: string, value: unknown, reader: PolicyReader): Grants {
  const role = reader.object(path, value, [
    "feeds",
    "symbols",
    "rpcs",
    "orders",
    "admin",
    "limits",
  ]);
  const patterns = (key: "symbols" | "rpcs", rule: TextRule) => {
    const texts = reader.texts(`${path}.${key}`, role[key], rule);
    return role[key] === undefined ? Patterns.ALL : new Patterns(texts);
  };
  const feeds = reader.texts(`${path}.feeds`, role.feeds, FEED) as FeedId[];
  checkRpcs(`${path}.rpcs`, role.rpcs, reader);
  return {
    feeds: new Set(role.feeds === undefined ? FEEDS : feeds),
    symbols: patterns("symbols", SYMBOL),
    rpcs: patterns("rpcs", RPC),
    orders: reader.flag(`${path}.orders`, role.orders),
    admin: reader.flag(`${path}.admin`, role.admin),
    limits: readLimits(`${path}.limits`, role.limits, reader),
  };
}

/** Reports patterns of methods that match none. */
function checkRpcs(path: string, value: unknown, reader: PolicyReader): void {
  if (!Array.isArray(value)) return;
  for (const [i, pattern] of value.entries()) {
    if (typeof pattern !== "string" || !RPC.pattern.test(pattern)) continue;
    const patterns = new Patterns([pattern]);
    if (RPCS.some((rpc) => patterns.matches(rpc))) continue;
    reader.add(`${path}[${i}]`, "matches no method", `Use ${RPCS.join(", ")}`);
  }
}

function readLimits(path: string, value: unknown, reader: PolicyReader): Grants["limits"] {
  const limits = reader.object(path, value, [
    "streams",
    "symbolsPerStream",
    "symbols",
    "reservedSlots",
    "maxShare",
  ]);
  const count = (key: "streams" | "symbolsPerStream" | "symbols") => {
    const number = reader.number(`${path}.${key}`, limits[key], { min: 1, max: 10_000_000 });
    return number === undefined ? {} : { [key]: number };
  };
  const share = reader.number(`${path}.maxShare`, limits.maxShare, {
    min: 0.001,
    max: 1,
    isWhole: false,
  });
  const markets = FEEDS.filter((feed) => feed !== "trading");
  const slots = reader.object(`${path}.reservedSlots`, limits.reservedSlots, markets);
  const reservedSlots: Partial<Record<FeedId, number>> = {};
  for (const feed of markets) {
    const bounds = { min: 0, max: 1_000_000 };
    const number = reader.number(`${path}.reservedSlots.${feed}`, slots[feed], bounds);
    if (number !== undefined) reservedSlots[feed] = number;
  }
  return {
    ...count("streams"),
    ...count("symbolsPerStream"),
    ...count("symbols"),
    ...(limits.reservedSlots !== undefined && { reservedSlots }),
    ...(share !== undefined && { maxShare: share }),
  };
}

function readIdentity(
  path: string,
  value: unknown,
  { roles, reader }: {
    readonly roles: ReadonlyMap<string, Grants>;
    readonly reader: PolicyReader;
  },
): PolicyIdentity {
  const identity = reader.object(path, value, [
    "name",
    "role",
    "tokens",
    "certificates",
    "subjects",
  ]);
  const role = reader.text(`${path}.role`, identity.role, NAME);
  const grants = role === undefined ? undefined : roles.get(role);
  if (role !== undefined && grants === undefined) {
    reader.add(`${path}.role`, "is not a role of the policy", "Add the role to roles, or use one");
  }
  const tokens = reader.texts(`${path}.tokens`, identity.tokens, DIGEST);
  const own = {
    tokens: tokens.map((digest) => digest.slice("sha256:".length)),
    certificates: reader.texts(`${path}.certificates`, identity.certificates, CERTIFICATE),
    subjects: reader.texts(`${path}.subjects`, identity.subjects, TEXT),
  };
  const { tokens: one, certificates: other, subjects } = identity;
  if ([one, other, subjects].every((list) => Array.isArray(list) ? list.length === 0 : !list)) {
    reader.add(path, "has no credential", "Give it tokens, certificates or subjects");
  }
  return {
    name: reader.text(`${path}.name`, identity.name, NAME) ?? "",
    // Not used: a policy with a problem is rejected.
    grants: grants ?? readRole("", {}, new PolicyReader()),
    ...own,
  };
}

/** Reports names and credentials that occur twice: they would be of two identities. */
function checkIdentities(identities: readonly PolicyIdentity[], reader: PolicyReader): void {
  const seen = new Map<string, string>();
  const check = (kind: string, key: string, path: string) => {
    const first = seen.get(`${kind} ${key}`);
    if (first === undefined) seen.set(`${kind} ${key}`, path);
    else if (key !== "") reader.add(path, `is the same as ${first}`, "Remove one of the two");
  };
  for (const [i, identity] of identities.entries()) {
    check("name", identity.name, `identities[${i}].name`);
    for (const list of ["tokens", "certificates", "subjects"] as const) {
      for (const [k, key] of identity[list].entries()) {
        check(list, key, `identities[${i}].${list}[${k}]`);
      }
    }
  }
  const tokens = identities.reduce((sum, each) => sum + each.tokens.length, 0);
  if (identities.length > MAX_IDENTITIES || tokens > MAX_TOKENS) {
    reader.add(
      "identities",
      `has ${identities.length} entries and ${tokens} tokens`,
      `Use at most ${MAX_IDENTITIES} identities and ${MAX_TOKENS} tokens, or JWTs`,
    );
  }
}

function readJwt(value: unknown, reader: PolicyReader): JwtRules {
  const jwt = reader.object("jwt", value, [
    "jwksUrl",
    "issuer",
    "audience",
    "algorithms",
    "clockToleranceSecs",
    "roleClaim",
  ]);
  const tolerance = reader.number("jwt.clockToleranceSecs", jwt.clockToleranceSecs, {
    min: 0,
    max: 300,
  });
  return {
    jwksUrl: readJwksUrl(jwt.jwksUrl, reader),
    issuer: reader.text("jwt.issuer", jwt.issuer, TEXT) ?? "",
    audience: reader.text("jwt.audience", jwt.audience, TEXT) ?? "",
    algorithms: readAlgorithms(jwt.algorithms, reader),
    clockToleranceMs: (tolerance ?? 30) * 1_000,
    roleClaim: jwt.roleClaim === undefined
      ? undefined
      : reader.text("jwt.roleClaim", jwt.roleClaim, TEXT),
  };
}

function readJwksUrl(value: unknown, reader: PolicyReader): string {
  const path = "jwt.jwksUrl";
  const accepts = "the https:// address of the issuer's keys, without user name, password or query";
  const url = typeof value === "string" ? URL.parse(value) : null;
  // Errors of requests quote the address, which are logged: it must not have a secret.
  const hasSecret = url !== null && (url.username + url.password + url.search) !== "";
  if (url === null || !/^https?:$/.test(url.protocol) || hasSecret) {
    reader.add(
      path,
      value === undefined ? "is missing" : "is not accepted",
      `Set it to ${accepts}`,
    );
    return "";
  }
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname)) {
    const message = "is read without TLS, so that anyone on the way could replace the keys";
    reader.add(path, message, "Use https://; http:// is accepted for this machine only");
  }
  return url.href;
}

function readAlgorithms(value: unknown, reader: PolicyReader): readonly JwtAlgorithm[] {
  const path = "jwt.algorithms";
  if (value === undefined) return ALGORITHMS;
  const remedy = `Use ${ALGORITHMS.join(", ")}`;
  const list = reader.list(path, value);
  if (Array.isArray(value) && list.length === 0) reader.add(path, "is empty", remedy);
  return list.flatMap((each, i) => {
    const known = ALGORITHMS.find((algorithm) => algorithm === each);
    if (known !== undefined) return known;
    const isWeak = typeof each === "string" && /^(none|HS\d+)$/i.test(each);
    const message = isWeak
      ? "would let anyone make tokens: it needs no key, or the public one"
      : "is not accepted";
    reader.add(`${path}[${i}]`, message, remedy);
    return [];
  });
}

/** Reports a policy in which JWTs or identities have no effect. */
function checkJwt(
  identities: readonly PolicyIdentity[],
  jwt: JwtRules | undefined,
  reader: PolicyReader,
): void {
  if (reader.problems.length > 0) return;
  const at = identities.findIndex(({ subjects }) => subjects.length > 0);
  if (jwt === undefined && at >= 0) {
    reader.add(`identities[${at}].subjects`, "has no effect without jwt", "Add jwt, or remove it");
  }
  if (jwt && at < 0 && jwt.roleClaim === undefined) {
    const remedy = "Add jwt.roleClaim, or subjects to an identity";
    reader.add("jwt", "accepts no token: no identity has a subject", remedy);
  }
  if (identities.length === 0 && jwt === undefined) {
    const remedy = "Add an identity, or unset the variable to turn authentication off";
    reader.add("identities", "is empty, so that no client has access", remedy);
  }
}

/**
 * Where JSON is invalid, without its values, which the rest of the message of V8 shows.
 *
 * @param text that JSON.parse has rejected with `error`
 */
function positionOf(text: string, error: unknown): string {
  const at = offsetOf(text, error);
  const before = text.slice(0, at).split("\n");
  const column = (before.at(-1) ?? "").length + 1;
  const end = at < text.length ? "" : ", its end: the text is cut off, or a bracket is not closed";
  return ` at line ${before.length}, column ${column}${end}`;
}

/** The number of characters before the first that is invalid. */
function offsetOf(text: string, error: unknown): number {
  const [, at] = /at position (\d+)/.exec(String(error)) ?? [];
  if (at !== undefined) return Number(at);
  if (/end of JSON input/.test(String(error))) return text.length;
  // V8 has no position of an unexpected token: it follows the longest text that is only cut off.
  let [valid, invalid] = [0, text.length];
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (isCutOff(text.slice(0, middle))) valid = middle;
    else invalid = middle;
  }
  return valid;
}

/** Whether a text is the start of JSON. */
function isCutOff(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const [, at] = /at position (\d+)/.exec(String(error)) ?? [];
    return at === undefined ? /end of JSON input/.test(String(error)) : Number(at) >= text.length;
  }
}

/** How many keys a valid JSON text has. */
function keysIn(text: string): number {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon).length;
}

/** How many keys a value has, with those of the values in it. */
function keysOf(value: unknown): number {
  let keys = 0;
  const left = [value];
  while (left.length > 0) {
    const each = left.pop();
    if (typeof each !== "object" || each === null) continue;
    const values = Object.values(each);
    if (!Array.isArray(each)) keys += values.length;
    for (const inner of values) left.push(inner);
  }
  return keys;
}

/** Counts things: `1 role`, `2 roles`. */
function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** An access policy as JSON. */
export const accessPolicy: Parser<AccessPolicy> = {
  accepts: "a JSON object with roles, identities and jwt, see docs/security.md",
  schema: { type: "string", minLength: 2 },
  parse: (text) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return { reason: `is not valid JSON${positionOf(text, error)}`, hide: true };
    }
    const reader = new PolicyReader();
    const policy = readPolicy(value, reader);
    if (keysIn(text) > keysOf(value)) {
      const remedy = "Remove one of the two: only the last one would have an effect";
      reader.add("The policy", "has a key twice in one object", remedy);
    }
    const { problems } = reader;
    return problems.length === 0 ? { value: policy } : { reason: undefined, hide: true, problems };
  },
  // Without the names, of which one may be that of a person.
  format: (policy) =>
    typeof policy !== "object" ? "unset" : [
      counted(policy.roles.size, "role"),
      counted(policy.identities.length, "identity").replace("identitys", "identities"),
      policy.jwt ? "JWT" : "no JWT",
    ].join(", "),
};
