import assert from "node:assert/strict";
import { ConfigError } from "../../../../src/infrastructure/config/config_error.ts";
import { type Config, secretsOf } from "../../../../src/infrastructure/config/config.ts";
import { describeSettings } from "../../../../src/infrastructure/config/describe_settings.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";
import { certificatePath, keyPair, PROXY_CA } from "../../../support/proxy_certificates.ts";

const PREFIX = "STREAM_PROXY_TLS_";

/** Reads settings of TLS, named without their prefix. */
function parse(env: Readonly<Record<string, string>>): Config {
  const named = Object.entries(env).map(([name, value]) => [`${PREFIX}${name}`, value]);
  return parseConfig({ ALPACA_KEY: "k-123", ALPACA_SECRET: "s-123", ...Object.fromEntries(named) });
}

/** Every problem as one line, without the prefix. */
function problems(env: Readonly<Record<string, string>>): string[] {
  try {
    parse(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ variable, received, message, remedy }) => {
      assert.equal(received, undefined, "PEM text is not shown");
      return `${variable} ${message}. ${remedy}.`.replaceAll(PREFIX, "");
    });
  }
  return [];
}

const { cert: CERT, key: KEY } = keyPair("proxy");
const CERT_FILE = certificatePath("proxy.pem");
const KEY_FILE = certificatePath("proxy.key");

Deno.test("without a certificate no port has TLS", () => {
  const { tls, warnings } = parse({});
  assert.equal(tls.material, undefined);
  assert.deepEqual(warnings, []);
});

Deno.test("certificate, key and client CA are read from text", () => {
  const { tls } = parse({ CERT, KEY, CLIENT_CA: PROXY_CA, CLIENT_AUTH: "request", PORTS: "grpc" });
  assert.deepEqual(tls.material, {
    certificate: CERT,
    key: KEY,
    clientCa: PROXY_CA,
    subject: "CN=localhost",
    expiresAt: Date.UTC(2120, 0, 1),
  });
  assert.equal(tls.clientAuth, "request");
  assert.deepEqual(tls.ports, new Set(["grpc"]));
});

Deno.test("line breaks in text may be written as \\n", () => {
  const oneLine = (text: string) => text.trim().replaceAll("\n", "\\n");
  const { tls } = parse({ CERT: oneLine(CERT), KEY: oneLine(KEY) });
  assert.equal(tls.material?.certificate, CERT);
});

Deno.test("certificate, key and client CA are read from files", () => {
  const { tls } = parse({ CERT_FILE, KEY_FILE, CLIENT_CA_FILE: certificatePath("ca.pem") });
  assert.equal(tls.material?.certificate, CERT);
  assert.equal(tls.material?.key, KEY);
  assert.equal(tls.material?.clientCa, PROXY_CA);
});

Deno.test("the key is a secret", () => {
  const config = parse({ CERT, KEY });
  const shown = JSON.stringify(describeSettings(config)) + JSON.stringify(config.tls.key);
  for (const line of KEY.split("\n").filter((line) => line.length > 40)) {
    assert.ok(!shown.includes(line));
  }
  assert.ok(secretsOf(config).some((secret) => secret.reveal() === KEY));
});

Deno.test("text and file of one part are an error", () => {
  assert.deepEqual(problems({ CERT, CERT_FILE, KEY, KEY_FILE }), [
    "CERT_FILE is set, and so is CERT. Keep one of the two.",
    "KEY_FILE is set, and so is KEY. Keep one of the two.",
  ]);
});

Deno.test("a part without those that it needs is an error", () => {
  assert.deepEqual(problems({ CERT }), [
    "KEY is not set, but CERT is. Set it or KEY_FILE, or unset the other.",
  ]);
  assert.deepEqual(problems({ KEY_FILE }), [
    "CERT is not set, but KEY_FILE is. Set it or CERT_FILE, or unset the other.",
  ]);
  assert.deepEqual(problems({ CLIENT_CA: PROXY_CA }), [
    "CERT is not set, but CLIENT_CA is. Set it or CERT_FILE, or unset the other.",
  ]);
  assert.deepEqual(problems({ CERT, KEY, CLIENT_AUTH: "require" }), [
    "CLIENT_CA is not set, but CLIENT_AUTH is. Set it or CLIENT_CA_FILE, or unset the other.",
  ]);
  assert.match(parse({ PORTS: "grpc" }).warnings.join(), /TLS_PORTS has no effect without/);
});

Deno.test("material that cannot be used is an error that says why", () => {
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ CERT: "x", KEY }, /^CERT is not PEM text/],
    [{ CERT: KEY, KEY }, /^CERT begins with a PRIVATE KEY/],
    [{ CERT, KEY: CERT }, /^KEY begins with a CERTIFICATE/],
    [{ CERT: CERT.slice(0, 200), KEY }, /^CERT contains no certificate in PEM/],
    [
      { CERT: `${CERT.slice(0, 200)}\n-----END CERTIFICATE-----`, KEY },
      /^CERT contains a certificate that cannot be read/,
    ],
    [{ CERT, KEY: KEY.replace(/\n.*\n/, "\nAAAA\n") }, /^KEY contains no private key/],
    [
      { CERT, KEY: keyPair("client").key },
      /^KEY is not the key of the certificate \(CN=localhost\)/,
    ],
    [
      { CERT, KEY: KEY.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY") },
      /^KEY is encrypted .* Decrypt it: openssl pkey/,
    ],
    [
      { CERT: keyPair("expired").cert, KEY: keyPair("expired").key },
      /^CERT has a certificate \(CN=localhost\) that expired at 2021-01-01T00:00:00Z\. Renew it/,
    ],
    [
      { CERT: keyPair("future").cert, KEY: keyPair("future").key },
      /^CERT has a certificate .* not valid before 2110-01-01/,
    ],
    [{ CERT, KEY, CLIENT_CA: CERT }, /^CLIENT_CA has a certificate .* not that of a CA/],
    [{ CERT_FILE: "/no/such.pem", KEY }, /^CERT_FILE cannot be read: No such file/],
    [{ CERT_FILE: KEY_FILE, KEY_FILE }, /^CERT_FILE contains no certificate/],
    [{ CERT, KEY, PORTS: "grpc,ftp" }, /^PORTS .*unknown value "ftp"/],
  ];
  for (const [env, expected] of cases) {
    const found = env.PORTS ? [] : problems(env);
    if (env.PORTS) assert.throws(() => parse(env), ConfigError);
    else {
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0] ?? "", expected);
    }
  }
});

Deno.test("all that is wrong is reported together", () => {
  assert.deepEqual(
    problems({ CERT_FILE: "/no/cert.pem", KEY_FILE: "/no/key.pem", CLIENT_CA: "x" })
      .map((line) => line.split(" ")[0]),
    ["CLIENT_CA", "CERT_FILE", "KEY_FILE"],
  );
});

Deno.test({
  name: "files that the process may not read are one error with the flag to add",
  permissions: { read: [CERT_FILE], env: true },
  fn: () => {
    const found = problems({ CERT_FILE, KEY_FILE, CLIENT_CA_FILE: "/etc/tls/ca.crt" });
    assert.deepEqual(found, [
      "KEY_FILE may not be read: the process has no permission for it. " +
      `Add --allow-read=${CERT_FILE},${KEY_FILE},/etc/tls/ca.crt to the command, before the ` +
      "program's path.",
    ]);
  },
});
