import assert from "node:assert/strict";
import { Ajv } from "ajv";
import fc from "fast-check";
import type { AccessPolicy } from "../../../../src/domain/access/policy.ts";
import { RPCS } from "../../../../src/domain/access/rpcs.ts";
import { StreamProxyService } from "../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { accessPolicy } from "../../../../src/infrastructure/config/access_policy.ts";
import { ConfigError } from "../../../../src/infrastructure/config/config_error.ts";
import { describeSettings } from "../../../../src/infrastructure/config/describe_settings.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;
const OTHER = `sha256:${"cd".repeat(32)}`;
const JWT = {
  jwksUrl: "https://issuer.example/keys",
  issuer: "https://issuer.example",
  audience: "proxy",
};
const FULL = {
  roles: {
    reader: {
      feeds: ["sip", "opra"],
      symbols: ["AAPL", "SPY*", "BRK.B"],
      rpcs: ["StreamQuotes", "Stream*"],
      orders: true,
      admin: true,
      limits: {
        streams: 50,
        symbolsPerStream: 500,
        symbols: 2_000,
        reservedSlots: { opra: 100 },
        maxShare: 0.5,
      },
    },
    other: {},
  },
  identities: [
    {
      name: "dashboard",
      role: "reader",
      tokens: [DIGEST],
      certificates: ["spiffe://desk/dashboard", "CN=dashboard"],
      subjects: ["alice"],
    },
    { name: "robot", role: "other", tokens: [OTHER] },
  ],
  jwt: { ...JWT, algorithms: ["RS256", "EdDSA"], clockToleranceSecs: 5, roleClaim: "role" },
};
const schema = JSON.parse(
  Deno.readTextFileSync(
    new URL("../../../../docs/access-policy.schema.json", import.meta.url),
  ),
);
const matchesSchema = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);

function parse(policy: unknown): AccessPolicy {
  const text = typeof policy === "string" ? policy : JSON.stringify(policy);
  const parsed = accessPolicy.parse(text);
  assert("value" in parsed, JSON.stringify(parsed));
  return parsed.value;
}

/** Problems of a policy as the program reports them. */
function problems(policy: unknown): string[] {
  const text = typeof policy === "string" ? policy : JSON.stringify(policy);
  try {
    parseConfig({ ALPACA_KEY: "k", ALPACA_SECRET: "s", STREAM_PROXY_ACCESS: text });
  } catch (error) {
    assert(error instanceof ConfigError);
    for (const { received, variable } of error.problems) {
      assert.equal(received, undefined);
      assert.equal(variable, "STREAM_PROXY_ACCESS");
    }
    return error.problems.map(({ message, remedy }) =>
      `${message.replace("has a problem: ", "")}. ${remedy}.`
    );
  }
  return [];
}

Deno.test("a whole policy is read", () => {
  const { roles, identities, jwt } = parse(FULL);
  const reader = roles.get("reader");
  assert.deepEqual([...reader?.feeds ?? []], ["sip", "opra"]);
  assert.equal(reader?.symbols.matches("SPYG"), true);
  assert.equal(reader?.rpcs.matches("GetConnectionStatus"), false);
  assert.deepEqual([reader?.orders, reader?.admin], [true, true]);
  assert.deepEqual(reader?.limits, FULL.roles.reader.limits);
  const other = roles.get("other");
  assert.deepEqual([...other?.feeds ?? []], ["sip", "opra", "trading", "crypto", "news"]);
  assert.deepEqual([other?.symbols.isAll, other?.rpcs.isAll], [true, true]);
  assert.deepEqual([other?.orders, other?.admin, other?.limits], [false, false, {}]);
  assert.deepEqual(identities, [
    {
      name: "dashboard",
      grants: reader,
      tokens: ["ab".repeat(32)],
      certificates: ["spiffe://desk/dashboard", "CN=dashboard"],
      subjects: ["alice"],
    },
    { name: "robot", grants: other, tokens: ["cd".repeat(32)], certificates: [], subjects: [] },
  ]);
  assert.deepEqual(jwt, {
    jwksUrl: "https://issuer.example/keys",
    issuer: "https://issuer.example",
    audience: "proxy",
    algorithms: ["RS256", "EdDSA"],
    clockToleranceMs: 5_000,
    roleClaim: "role",
  });
  assert.ok(matchesSchema(FULL), JSON.stringify(matchesSchema.errors));
});

Deno.test("defaults of JWTs: all algorithms, 30 s of tolerance, no role claim", () => {
  const { jwt } = parse({
    roles: { r: {} },
    identities: [{ name: "a", role: "r", subjects: ["s"] }],
    jwt: JWT,
  });
  assert.deepEqual(jwt?.algorithms, ["RS256", "ES256", "EdDSA"]);
  assert.equal(jwt?.clockToleranceMs, 30_000);
  assert.equal(jwt?.roleClaim, undefined);
});

Deno.test("the methods that can be granted are those of the contract", () => {
  const methods = StreamProxyService.methods.map(({ name }) => name);
  assert.deepEqual([...RPCS].sort(), methods.sort());
});

const IDENTITY = { name: "a", role: "r", tokens: [DIGEST] };
const base = (change: object) => ({ roles: { r: {} }, identities: [IDENTITY], ...change });
const role = (r: object) => base({ roles: { r } });
const identity = (change: object) => base({ identities: [{ ...IDENTITY, ...change }] });
const jwt = (change: object) => base({ jwt: { ...JWT, roleClaim: "role", ...change } });

/** Policies with one problem, that the schema refuses too. */
const WRONG: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  "a list instead of an object": [[], /^The policy is not an object/],
  "an unknown key": [base({ rules: {} }), /^rules is not a known key\. Use roles, identities, jwt/],
  "an unknown key of a role": [role({ symbol: [] }), /^roles\.r\.symbol is not a known key/],
  "an unknown feed": [role({ feeds: ["iex"] }), /^roles\.r\.feeds\[0\].*one of sip, opra, trading/],
  "a small symbol": [role({ symbols: ["aapl"] }), /^roles\.r\.symbols\[0\].*capital letters/],
  "a pattern with two asterisks": [role({ symbols: ["A*B*"] }), /^roles\.r\.symbols\[0\]/],
  "an empty symbol": [role({ symbols: [""] }), /^roles\.r\.symbols\[0\]/],
  "symbols without a list": [role({ symbols: "AAPL" }), /^roles\.r\.symbols is not a list/],
  "a pattern of a path": [role({ rpcs: ["/x"] }), /^roles\.r\.rpcs\[0\]/],
  "orders as text": [role({ orders: "yes" }), /^roles\.r\.orders is neither true nor false/],
  "a share above 1": [role({ limits: { maxShare: 2 } }), /^roles\.r\.limits\.maxShare.*to 1\./],
  "half a stream": [role({ limits: { streams: 1.5 } }), /^roles\.r\.limits\.streams.*whole number/],
  "slots of no market": [
    role({ limits: { reservedSlots: { trading: 1 } } }),
    /^roles\.r\.limits\.reservedSlots\.trading is not a known key\. Use sip, opra/,
  ],
  "a name with a colon": [identity({ name: "jwt:a" }), /^identities\[0\]\.name/],
  "a name like a token": [identity({ name: "asp_x" }), /^identities\[0\]\.name.*asp_/],
  "no role": [identity({ role: undefined }), /^identities\[0\]\.role is missing/],
  "a token instead of its digest": [
    identity({ tokens: ["asp_secret"] }),
    /^identities\[0\]\.tokens\[0\] is not accepted.*`deno task token`.*never to the token/,
  ],
  "a digest in capital letters": [
    identity({ tokens: [DIGEST.toUpperCase()] }),
    /^identities\[0\]\.tokens\[0\]/,
  ],
  "a name of a certificate": [
    identity({ certificates: ["dashboard"] }),
    /^identities\[0\]\.certificates\[0\].*spiffe:/,
  ],
  "no issuer": [jwt({ issuer: undefined }), /^jwt\.issuer is missing/],
  "no audience": [jwt({ audience: "" }), /^jwt\.audience/],
  "no keys": [jwt({ jwksUrl: undefined }), /^jwt\.jwksUrl is missing/],
  "no algorithm": [jwt({ algorithms: [] }), /^jwt\.algorithms is empty/],
  "the algorithm none": [jwt({ algorithms: ["none"] }), /^jwt\.algorithms\[0\] would let anyone/],
  "a symmetric algorithm": [
    jwt({ algorithms: ["RS256", "HS256"] }),
    /^jwt\.algorithms\[1\] would let anyone make tokens.*Use RS256, ES256, EdDSA/,
  ],
  "another algorithm": [jwt({ algorithms: ["PS256"] }), /^jwt\.algorithms\[0\] is not accepted/],
  "an hour of tolerance": [jwt({ clockToleranceSecs: 3_600 }), /^jwt\.clockToleranceSecs.*300/],
};

for (const [what, [policy, problem]] of Object.entries(WRONG)) {
  Deno.test(`an access policy is refused with a path and a remedy: ${what}`, () => {
    const [first = "", ...others] = problems(policy);
    assert.match(first, problem);
    assert.deepEqual(others, []);
    // As JSON, where an absent value is absent.
    assert.equal(matchesSchema(JSON.parse(JSON.stringify(policy))), false);
  });
}

/** Policies with one problem that a schema cannot express. */
const INCONSISTENT: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  "a method that does not exist": [
    role({ rpcs: ["StreamQuote"] }),
    /\.rpcs\[0\] matches no method/,
  ],
  "a prefix of no method": [role({ rpcs: ["Send*"] }), /^roles\.r\.rpcs\[0\] matches no method/],
  "an unknown role": [identity({ role: "x" }), /^identities\[0\]\.role is not a role/],
  "no credential": [identity({ tokens: [] }), /^identities\[0\] has no credential/],
  "a name twice": [
    base({ identities: [IDENTITY, { ...IDENTITY, tokens: [OTHER] }] }),
    /^identities\[1\]\.name is the same as identities\[0\]\.name/,
  ],
  "a digest twice": [
    base({ identities: [IDENTITY, { ...IDENTITY, name: "b" }] }),
    /^identities\[1\]\.tokens\[0\] is the same as identities\[0\]\.tokens\[0\]/,
  ],
  "a subject twice": [
    jwt({}) && base({
      jwt: JWT,
      identities: [{ ...IDENTITY, subjects: ["s"] }, { name: "b", role: "r", subjects: ["s"] }],
    }),
    /^identities\[1\]\.subjects\[0\] is the same as identities\[0\]\.subjects\[0\]/,
  ],
  "keys of another machine without TLS": [
    jwt({ jwksUrl: "http://issuer.example/keys" }),
    /^jwt\.jwksUrl is read without TLS.*Use https:/,
  ],
  "keys at an address with a password": [
    jwt({ jwksUrl: "https://user:hidden@issuer.example/" }),
    /^jwt\.jwksUrl is not accepted/,
  ],
  "keys at an address with a query, which may be a secret": [
    jwt({ jwksUrl: "https://issuer.example/keys?apikey=hidden" }),
    /^jwt\.jwksUrl is not accepted.*without user name, password or query/,
  ],
  "subjects without JWTs": [
    identity({ subjects: ["s"] }),
    /^identities\[0\]\.subjects has no effect without jwt/,
  ],
  "JWTs without subjects": [jwt({ roleClaim: undefined }), /^jwt accepts no token/],
  "too many tokens": [
    base({
      identities: Array.from({ length: 257 }, (_, i) => ({
        name: `a${i}`,
        role: "r",
        tokens: [`sha256:${i.toString(16).padStart(64, "0")}`],
      })),
    }),
    /^identities has 257 entries and 257 tokens\. Use at most 1000 identities and 256 tokens/,
  ],
  "nobody": [{ roles: {} }, /^identities is empty, so that no client has access/],
};

for (const [what, [policy, problem]] of Object.entries(INCONSISTENT)) {
  Deno.test(`an access policy is refused with a path and a remedy: ${what}`, () => {
    const [first = "", ...others] = problems(policy);
    assert.match(first, problem);
    assert.deepEqual(others, []);
  });
}

Deno.test("keys of this machine may be read without TLS", () => {
  for (const host of ["localhost:8080", "127.0.0.1:1", "[::1]:1"]) {
    assert.deepEqual(problems(jwt({ jwksUrl: `http://${host}/keys` })), []);
  }
});

Deno.test("all problems of a policy are reported together", () => {
  const found = problems({
    roles: { r: { feeds: ["x"], symbols: ["?"] } },
    identities: [{ name: "a b", role: "other", tokens: ["t"] }],
    jwt: { algorithms: ["none"] },
  });
  assert.equal(found.length, 9, found.join("\n"));
});

Deno.test("no error, log line or setting shows a part of the policy's text", () => {
  const secret = "asp_SECRETSECRETSECRETSECRETSECRETSECRETSECRET1";
  const policies: unknown[] = [
    `{"identities": ["${secret}"`,
    secret,
    JSON.stringify(secret),
    { [secret]: 1 },
    { PKSECRETSECRET000001: 1, roles: { r: { PKSECRETSECRET000001: 1 } } },
    { roles: { [secret]: 1 } },
    { roles: { r: { [secret]: 1, feeds: [secret], symbols: [secret], rpcs: [secret] } } },
    { identities: [{ name: `${secret} `, role: secret, tokens: [secret] }] },
    { identities: [secret], jwt: secret },
    jwt({ jwksUrl: secret, issuer: `${secret} `, algorithms: [secret], roleClaim: `${secret} ` }),
  ];
  for (const policy of policies) {
    const found = problems(policy);
    assert.ok(found.length > 0, JSON.stringify(policy));
    assert.doesNotMatch(found.join("\n"), /SECRET/);
  }
  const config = parseConfig({
    ALPACA_KEY: "k",
    ALPACA_SECRET: "s",
    STREAM_PROXY_ACCESS: JSON.stringify(FULL),
  });
  const { STREAM_PROXY_ACCESS: shown } = describeSettings(config);
  assert.equal(shown, "2 roles, 2 identities, JWT");
});

Deno.test("any JSON is a policy or has problems that show nothing of its texts", () => {
  const text = fc.stringMatching(/^zq[a-y]{1,8}$/);
  const key = fc.constantFrom(
    ...["roles", "identities", "jwt", "name", "role", "tokens", "certificates", "subjects"],
    ...["feeds", "symbols", "rpcs", "orders", "admin", "limits", "jwksUrl", "algorithms", "issuer"],
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(key, tie("value"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(value, (policy) => {
      const parsed = accessPolicy.parse(JSON.stringify(policy));
      const isAccepted = "value" in parsed;
      if (isAccepted) assert.ok(matchesSchema(policy), JSON.stringify(policy));
      else assert.doesNotMatch(JSON.stringify(parsed), /zq/);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("invalid JSON is reported with its position, without its values", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"roles": {,}}', "line 1, column 12"],
    ['{\n  "roles": {\n    "a": secret }}', "line 3, column 10"],
    ['{"roles": {}}\n}', "line 2, column 1"],
    ["secret", "line 1, column 1"],
  ];
  for (const [text, position] of cases) {
    const [problem = ""] = problems(text);
    const expected = `is not valid JSON at ${position}. Set it to a JSON object with roles`;
    assert.equal(problem.slice(0, expected.length), expected);
    assert.doesNotMatch(problem, /secret/);
  }
});

Deno.test("JSON that is cut off is reported with its end", () => {
  const text = JSON.stringify(FULL, undefined, 2);
  for (let length = 1; length < text.length; length++) {
    const lines = text.slice(0, length).trimEnd().split("\n");
    const end = `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}, its end`;
    const [problem = ""] = problems(text.slice(0, length));
    assert.ok(problem.startsWith(`is not valid JSON at ${end}: the text is cut off`), problem);
  }
});

Deno.test("a key that an object has twice is a problem", () => {
  const text = JSON.stringify(FULL);
  const twice = text.replace('"orders":true', '"orders":false,"orders" :true');
  assert.deepEqual(problems(twice), [
    "The policy has a key twice in one object. " +
    "Remove one of the two: only the last one would have an effect.",
  ]);
  assert.notDeepEqual(problems(`${"[".repeat(60_000)}${"]".repeat(60_000)}`), []);
  // Not keys: texts with colons and quotes.
  assert.ok(parse(text.replace("CN=dashboard", 'CN=\\"admin\\":\\\\')));
});

Deno.test("certificates of a policy cause a warning while clients cannot present any", () => {
  const policy = identity({ certificates: ["CN=a"] });
  const { warnings } = parseConfig({
    ALPACA_KEY: "k",
    ALPACA_SECRET: "s",
    STREAM_PROXY_ACCESS: JSON.stringify(policy),
  });
  assert.deepEqual(warnings, [
    "STREAM_PROXY_ACCESS: identities[0].certificates has no effect without " +
    "STREAM_PROXY_TLS_CLIENT_CA",
  ]);
});

Deno.test("without the variable, authentication is off", () => {
  const config = parseConfig({ ALPACA_KEY: "k", ALPACA_SECRET: "s", STREAM_PROXY_ACCESS: "" });
  assert.equal(config.access, undefined);
  assert.equal(describeSettings(config).STREAM_PROXY_ACCESS, "unset");
});

/** The problems of a policy beside a plan. */
function planProblems(plan: string, limits: object, other: object = {}): string[] {
  const token = (digit: string) => [`sha256:${digit.repeat(64)}`];
  const policy = {
    roles: { r: { limits }, s: { limits: other } },
    identities: [
      { name: "bot", role: "r", tokens: token("1") },
      { name: "page", role: "s", tokens: token("2") },
    ],
  };
  try {
    parseConfig({
      ALPACA_KEY: "k",
      ALPACA_SECRET: "s",
      ALPACA_PLAN: plan,
      STREAM_PROXY_ACCESS: JSON.stringify(policy),
    });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ variable, message, remedy }) =>
      `${variable} ${message}. ${remedy}`
    );
  }
  return [];
}

Deno.test("reservations above the plan are refused, each feed with its numbers", () => {
  const slots = (sip: number, opra: number) => ({ reservedSlots: { sip, opra } });
  assert.deepEqual(planProblems("basic", slots(20, 150), slots(10, 50)), []);
  assert.deepEqual(planProblems("basic", slots(20, 150), slots(11, 51)), [
    "STREAM_PROXY_ACCESS reserves 31 sip slots for its identities together, but ALPACA_PLAN has " +
    "30. Lower reservedSlots.sip, or set ALPACA_PLAN to a larger plan",
    "STREAM_PROXY_ACCESS reserves 201 opra slots for its identities together, but ALPACA_PLAN " +
    "has 200. Lower reservedSlots.opra, or set ALPACA_PLAN to a larger plan",
  ]);
  assert.deepEqual(planProblems("plus", slots(100_000, 1_000)), [], "plus has all stocks");
  assert.deepEqual(planProblems("auto", slots(100_000, 100_000)), [], "it is not known yet");
});

Deno.test("a reservation above the share of its identity is refused", () => {
  const [problem = "", ...others] = planProblems("plus", {
    reservedSlots: { opra: 300 },
    maxShare: 0.25,
  });
  assert.match(problem, /reserves 300 opra slots for bot, whose maxShare of 1000 is 250/);
  assert.deepEqual(others, []);
});
