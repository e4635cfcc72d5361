/** Which TLS sessions are resumed where client certificates are asked for. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { findProgram } from "../../../scripts/delivery/run_program.ts";
import type {
  ClientAuth,
  KeyMaterial,
} from "../../../src/application/connections/connection_security.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { TlsPorts } from "../../../src/infrastructure/tls/tls_ports.ts";
import { certificateText, keyPair, PROXY_CA } from "../../support/proxy_certificates.ts";

const CLIENT = fileURLToPath(new URL("../../clients/resuming_client.cjs", import.meta.url));
const SKIPPED = findProgram("node") === undefined ? " (skipped: no node on the PATH)" : "";
const VERSIONS = ["TLSv1.2", "TLSv1.3"];
const UNVERIFIED = "The certificate of the client is not accepted: it resumes a session in which " +
  "these CAs have verified none";

/** What a client reports. */
interface Report {
  readonly isResumed: boolean;
  /** Subject of the certificate that the server knows, or `none`. */
  readonly answer: string;
  readonly error?: string;
  readonly session?: string;
}

function materialOf(name: string, clientCa: string = PROXY_CA): KeyMaterial {
  const { cert, key } = keyPair(name);
  return { certificate: cert, key, clientCa, subject: "", expiresAt: 0 };
}

/** Listens; `serve` gets each accepted connection. */
async function listen(serve: (raw: Socket) => void) {
  const server = createServer((raw) => {
    raw.on("error", () => {});
    serve(raw);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** A port that asks for certificates and one that does not, as the proxy has them. */
async function startPorts(clientAuth: ClientAuth) {
  const time = { offset: 0 };
  const refused: string[] = [];
  const tls = new TlsPorts({
    material: materialOf("proxy"),
    clientAuth,
    handshakeMs: 10_000,
    connections: { refused: (_limit, _peer, reason) => refused.push(reason) },
    clock: { ...systemClock, now: () => Date.now() + time.offset },
  });
  const serve = (security: ReturnType<TlsPorts["http"]>) =>
    listen((raw) =>
      security.secure(raw, (secured, certificate) => {
        secured.on("error", () => {});
        secured.end(certificate?.subject ?? "none");
      })
    );
  const asking = await serve(tls.websocket());
  const open = await serve(tls.http());
  return {
    tls,
    time,
    refused,
    asking: asking.port,
    open: open.port,
    [Symbol.asyncDispose]: async () => {
      await asking[Symbol.asyncDispose]();
      await open[Symbol.asyncDispose]();
    },
  };
}

/** Connects a client, with the certificate of `name` and the session of an earlier report. */
async function connect(
  port: number,
  { version, name, from }: {
    readonly version: string;
    readonly name?: string;
    readonly from?: Report;
  },
): Promise<Report> {
  const options = {
    port,
    ca: PROXY_CA,
    ...name && keyPair(name),
    session: from?.session,
    minVersion: version,
    maxVersion: version,
  };
  const args = [CLIENT, JSON.stringify(options)];
  const { stdout } = await new Deno.Command("node", { args, stderr: "null" }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Makes a test for each version of TLS. */
function testVersions(name: string, run: (version: string) => Promise<void>): void {
  for (const version of VERSIONS) {
    const fn = () => run(version);
    Deno.test({ name: `${name} (${version})${SKIPPED}`, ignore: SKIPPED !== "", fn });
  }
}

const isAlert = ({ error = "" }: Report) => /ALERT/.test(error);

testVersions(
  "node:tls resumes a session of a port that asks for no certificate",
  async (version) => {
    const secureContext = createSecureContext({ ...keyPair("proxy"), ca: PROXY_CA });
    const serve = (requestCert: boolean) =>
      listen((raw) => {
        const options = { isServer: true, requestCert, rejectUnauthorized: true, secureContext };
        const secured = new TLSSocket(raw, options);
        secured.on("error", () => {});
        secured.once("secure", () => secured.end("served"));
      });
    await using open = await serve(false);
    await using asking = await serve(true);
    const first = await connect(open.port, { version });
    assert.equal((await connect(asking.port, { version })).answer, "");
    const { isResumed, answer } = await connect(asking.port, { version, from: first });
    assert.deepEqual([isResumed, answer], [true, "served"]);
  },
);

testVersions(
  "a session of a port without certificates is none of one that requires them",
  async (version) => {
    await using ports = await startPorts("require");
    const first = await connect(ports.open, { version });
    assert.equal(first.answer, "none");
    const second = await connect(ports.asking, { version, from: first });
    assert.equal(second.answer, "");
    // After a fatal alert the client forgets the session.
    assert.ok(isAlert(second), String(second.error));
    assert.deepEqual(ports.refused, [UNVERIFIED]);
  },
);

testVersions(
  "a client resumes its session with its certificate, until the CA changes",
  async (version) => {
    await using ports = await startPorts("require");
    const name = "client";
    const subject = "O=quant\nCN=dashboard";
    const first = await connect(ports.asking, { version, name });
    assert.deepEqual([first.isResumed, first.answer], [false, subject]);
    // A new certificate of the proxy changes nothing.
    ports.tls.replace(materialOf("renewed"));
    const second = await connect(ports.asking, { version, from: first });
    assert.deepEqual([second.isResumed, second.answer], [true, subject]);
    ports.tls.replace(materialOf("renewed", certificateText("other_ca.pem")));
    const third = await connect(ports.asking, { version, name, from: first });
    assert.equal(third.answer, "");
    assert.ok(isAlert(third), String(third.error));
    assert.deepEqual(ports.refused, [UNVERIFIED]);
    ports.tls.replace(materialOf("renewed"));
    assert.equal((await connect(ports.asking, { version, name })).answer, subject);
  },
);

testVersions("an expired certificate is not resumed", async (version) => {
  await using ports = await startPorts("require");
  const first = await connect(ports.asking, { version, name: "client" });
  ports.time.offset = 200 * 365 * 86_400_000;
  assert.equal((await connect(ports.asking, { version, from: first })).answer, "");
  assert.match(ports.refused.join(), /has expired since/);
});

testVersions(
  "where certificates are optional, a session without one is resumed",
  async (version) => {
    await using ports = await startPorts("request");
    const first = await connect(ports.asking, { version });
    const second = await connect(ports.asking, { version, from: first });
    assert.deepEqual([second.isResumed, second.answer], [true, "none"]);
    assert.deepEqual(ports.refused, []);
  },
);
