/** How the proxy logs in to NATS, on a real nats-server. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { nkeys } from "@nats-io/nats-core";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { type NatsAccess, NatsClient } from "../../../src/infrastructure/nats/nats_client.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { certificatePath, keyPair, PROXY_CA } from "../../support/proxy_certificates.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

type Pair = ReturnType<typeof nkeys.createUser>;

/** A JWT of NATS: claims about a key, signed by another. */
function jwt(issuer: Pair, subject: Pair, nats: Readonly<Record<string, unknown>>): string {
  const encode = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const header = encode({ typ: "JWT", alg: "ed25519-nkey" });
  const claims = encode({
    jti: crypto.randomUUID(),
    iat: 1_700_000_000,
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: "test",
    nats: { version: 2, ...nats },
  });
  const signature = issuer.sign(new TextEncoder().encode(`${header}.${claims}`))
    .toBase64({ alphabet: "base64url", omitPadding: true });
  return `${header}.${claims}.${signature}`;
}

/** A server that trusts an operator, and the credentials of a user. */
function operated(): { readonly config: string; readonly credentials: string } {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const limits = { subs: -1, data: -1, payload: -1 };
  const accountJwt = jwt(operator, account, {
    type: "account",
    limits: { ...limits, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
  });
  const id = account.getPublicKey();
  return {
    config: `operator: ${jwt(operator, operator, { type: "operator" })}
      resolver: MEMORY
      resolver_preload { ${id}: ${accountJwt} }
      system_account: ${id}`,
    credentials: `-----BEGIN NATS USER JWT-----
${jwt(account, user, { type: "user", ...limits })}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${new TextDecoder().decode(user.getSeed())}
------END USER NKEY SEED------
`,
  };
}

const user = nkeys.createUser();
const operator = operated();
const { cert: certificate, key } = keyPair("client");
const TLS = `cert_file: "${certificatePath("proxy.pem")}", key_file: "${
  certificatePath("proxy.key")
}"`;

/** A server and what a client of it needs. */
interface Case {
  readonly name: string;
  readonly config: string;
  readonly access: Omit<NatsAccess, "servers">;
}

const CASES: readonly Case[] = [
  {
    name: "a user name and a password",
    config: `authorization { user: proxy, password: "se:cr@et" }`,
    access: { user: { name: "proxy", password: "se:cr@et" } },
  },
  { name: "a token", config: `authorization { token: t0ken }`, access: { token: "t0ken" } },
  {
    name: "an NKey",
    config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`,
    access: { seed: new TextDecoder().decode(user.getSeed()) },
  },
  { name: "a .creds file", config: operator.config, access: { credentials: operator.credentials } },
  { name: "TLS", config: `tls { ${TLS} }`, access: { tls: { ca: PROXY_CA } } },
  {
    name: "a client certificate",
    config: `tls { ${TLS}, ca_file: "${certificatePath("ca.pem")}", verify: true }`,
    access: { tls: { ca: PROXY_CA, certificate, key } },
  },
];

for (const { name, config, access } of CASES) {
  Deno.test(requires(["nats-server"], {
    name: `the proxy connects to NATS by ${name}, and is refused without`,
    fn: async () => {
      await using server = await NatsServer.start(config);
      const log = new RecordingLog();
      const servers = [server.url];
      await using client = new NatsClient({ access: { servers, ...access }, name, clock, log });
      const connection = await client.connection(AbortSignal.timeout(10_000));
      await connection.flush();
      assert.equal(client.isConnected, true);
      await using other = new NatsClient({ access: { servers }, name, clock, log });
      await assert.rejects(other.connection(AbortSignal.timeout(700)), /NATS is not connected/);
      const refused = log.records.find(({ message }) => message.startsWith("Cannot connect"));
      assert.match(String(refused?.fields.remedy), /STREAM_PROXY_NATS_URL/);
    },
  }));
}

const clock = systemClock;

Deno.test(requires(["nats-server"], {
  name: "the connection to NATS is opened again, also after credentials were refused",
  fn: async () => {
    await using server = await NatsServer.start(`authorization { token: first }`);
    const log = new RecordingLog();
    const access = { servers: [server.url], token: "first" };
    await using client = new NatsClient({ access, name: "test", clock, log });
    const signal = AbortSignal.timeout(60_000);
    await client.connection(signal);
    await server.stop();
    await until("the loss is noticed", () => !client.isConnected);
    await server.configure(`authorization { token: second }`);
    await server.run();
    await until(
      "it was refused",
      () => log.records.some(({ fields }) => /Authorization/i.test(String(fields.cause))),
      30_000,
    );
    await server.stop();
    await server.configure(`authorization { token: first }`);
    await server.run();
    await until("it is connected", async () => {
      await client.connection(signal).catch(() => {});
      return client.isConnected;
    }, 60_000);
  },
}));

Deno.test("a NATS server that resets connections at any moment ends nothing", async () => {
  const info = JSON.stringify({ server_id: "x", version: "2.11.0", proto: 1, max_payload: 1_000 });
  const greeting = `INFO ${info}\r\n`;
  let accepted = 0;
  const server = createServer((socket) => {
    const step = accepted++;
    socket.on("error", () => {});
    // Reset immediately, within the greeting, after it, and after the client's first messages.
    if (step % 4 === 0) {
      socket.resetAndDestroy();
      return;
    }
    socket.write(step % 4 === 1 ? greeting.slice(0, 10) : greeting);
    if (step % 4 === 3) socket.once("data", () => socket.resetAndDestroy());
    else setTimeout(() => socket.resetAndDestroy(), step % 3);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const servers = [`nats://127.0.0.1:${port}`];
  const log = new RecordingLog();
  const fast = { ...clock, sleep: (_ms: number, signal?: AbortSignal) => clock.sleep(1, signal) };
  const client = new NatsClient({
    access: { servers },
    name: "test",
    connectTimeoutMs: 20,
    clock: fast,
    log,
  });
  client.connection(AbortSignal.timeout(60_000)).catch(() => {});
  await until("it tries again", () => accepted > 60);
  await client[Symbol.asyncDispose]();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert.ok(log.records.some(({ message }) => message.startsWith("Cannot connect")));
});
