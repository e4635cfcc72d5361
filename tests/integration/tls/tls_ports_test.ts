import assert from "node:assert/strict";
import { once } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { startHarness } from "../../support/harness.ts";
import { keyPair, PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";
import { ScaledClock } from "../../support/scaled_clock.ts";
import {
  credentialsOf,
  presentedSubject,
  secureClient,
  secureSocket,
} from "../../support/tls_clients.ts";
import { until } from "../../support/until.ts";

/** Calls the proxy. */
async function callStatus(port: number, certificate?: string): Promise<void> {
  using client = secureClient(port, certificate);
  await client.getConnectionStatus({}, { timeoutMs: 10_000 });
}

/**
 * Whether HTTP/2 is served to a client with a certificate. A client of connect-node on Deno 2.9.6
 * has an uncaught error when its certificate is refused.
 */
async function isServed(port: number, certificate?: string): Promise<boolean> {
  const options = { ...credentialsOf(certificate), ALPNProtocols: ["h2"] };
  const socket = await secureSocket(port, options).catch(() => undefined);
  if (socket === undefined) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("data", () => resolve(true));
  socket.once("close", () => resolve(false));
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
  const served = await promise;
  socket.destroy();
  return served;
}

Deno.test("TLS is served on the gRPC, health and metrics ports", async () => {
  await using harness = await startHarness({ env: tlsEnvironment() });
  const { ports } = harness.proxy;
  await callStatus(ports.grpc);
  using https = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  const health = await fetch(`https://localhost:${ports.health}/healthz`, { client: https });
  assert.equal(await health.text(), "OK");
  const metrics = await fetch(`https://localhost:${ports.health}/metrics`, { client: https });
  const text = await metrics.text();
  assert.match(text, /^alpaca_proxy_tls_certificate_expiry_seconds \d{9,}/m);
  assert.match(text, /^alpaca_proxy_tls_reloads_total\{result="failed"\} 0$/m);
});

Deno.test("ports that are not named stay without TLS", async () => {
  const env = { ...tlsEnvironment(), STREAM_PROXY_TLS_PORTS: "grpc" };
  await using harness = await startHarness({ env });
  await callStatus(harness.proxy.ports.grpc);
  const health = await fetch(`${harness.health}/healthz`);
  assert.equal(await health.text(), "OK");
});

Deno.test("streams deliver through TLS, and end with UNAVAILABLE at shutdown", async () => {
  const harness = await startHarness({ env: tlsEnvironment() });
  using client = secureClient(harness.proxy.ports.grpc);
  const stream = client.streamQuotes({ symbols: ["AAPL"] });
  const received = Promise.withResolvers<void>();
  let count = 0;
  const ended = (async () => {
    try {
      for await (const _quote of stream) {
        if (++count === 100) received.resolve();
      }
      return "OK";
    } catch (error) {
      return Code[ConnectError.from(error).code];
    }
  })();
  await until(
    "AAPL is subscribed",
    () =>
      harness.simulator.sessions().some((session) =>
        session.subscriptions.quotes?.includes("AAPL") ?? false
      ),
  );
  for (let i = 0; i < 100; i++) {
    harness.simulator.emit("sip", [{
      T: "q",
      S: "AAPL",
      bx: "V",
      bp: 100 + i,
      bs: 1,
      ax: "V",
      ap: 101 + i,
      as: 1,
      c: ["R"],
      z: "C",
      t: "2024-01-15T15:00:00Z",
    }]);
  }
  await received.promise;
  await harness[Symbol.asyncDispose]();
  assert.equal(await ended, "Unavailable");
});

Deno.test("with client certificates required, only verified ones are served", async () => {
  await using harness = await startHarness({ env: tlsEnvironment("require") });
  const { grpc, health } = harness.proxy.ports;
  await callStatus(grpc, "client");
  for (
    const name of [undefined, "client_untrusted", "client_expired", "client_of_client"]
  ) {
    assert.equal(await isServed(grpc, name), false, name ?? "none");
  }
  const reasons = harness.log.records.filter(({ message }) => message === "Refused a connection")
    .map(({ fields }) => String(fields.reason));
  assert.ok(reasons.some((reason) => reason.startsWith("The client sent no certificate")));
  assert.ok(reasons.some((reason) => reason.includes("is not accepted: UNABLE_TO_VERIFY")));
  // Probes and Prometheus have none.
  using https = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  const probe = await fetch(`https://localhost:${health}/healthz`, { client: https });
  assert.equal(await probe.text(), "OK");
});

Deno.test("with client certificates requested, clients without one are served", async () => {
  await using harness = await startHarness({ env: tlsEnvironment("request") });
  const { grpc } = harness.proxy.ports;
  await callStatus(grpc);
  await callStatus(grpc, "client");
  // A certificate that is sent has to verify.
  assert.equal(await isServed(grpc, "client_untrusted"), false);
  assert.equal(await isServed(grpc, "client"), true);
});

Deno.test("TLS below 1.2 and clients without HTTP/2 are refused", async () => {
  await using harness = await startHarness({ env: tlsEnvironment() });
  const { grpc } = harness.proxy.ports;
  const version = async (options: object) => {
    const socket = await secureSocket(grpc, { ALPNProtocols: ["h2"], ...options });
    const protocol = socket.getProtocol();
    socket.destroy();
    return protocol;
  };
  assert.equal(await version({ maxVersion: "TLSv1.2" }), "TLSv1.2");
  assert.equal(await version({}), "TLSv1.3");
  // A client that offers TLS 1.1 at most, up to its list of ciphers.
  const hello = "16030100350100003103020000000000000000000000000000000000000000000000000000000000" +
    "000000000000000ac0130033c0140039002f01000000";
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: grpc });
  await conn.write(Uint8Array.fromHex(hello));
  const reply = new Uint8Array(16);
  const size = await conn.read(reply);
  // An alert, or the end of the connection.
  assert.ok(size === null || reply[0] === 0x15, `${reply}`);
  await secureSocket(grpc, { ALPNProtocols: ["http/1.1"] }).catch(() => {});
  await until(
    "the refusal is logged",
    () =>
      harness.log.records.some(({ fields }) =>
        String(fields.reason).startsWith("The client offers no protocol")
      ),
  );
});

Deno.test("plaintext on a TLS port is refused with a reason in the log", async () => {
  await using harness = await startHarness({ env: tlsEnvironment() });
  for (const port of [harness.proxy.ports.grpc, harness.proxy.ports.health]) {
    for (let i = 0; i < 5; i++) {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.write(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
      while (await conn.read(new Uint8Array(64)).catch(() => null) !== null);
    }
  }
  const lines = harness.log.records.filter(({ fields }) => fields.limit === "handshake");
  assert.equal(lines.length, 1, "one line a minute");
  assert.match(String(lines[0]?.fields.reason), /does not use TLS, and this port needs it/);
  using https = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  const url = `https://localhost:${harness.proxy.ports.health}/metrics`;
  const metrics = await (await fetch(url, { client: https })).text();
  assert.match(metrics, /refusals_total\{limit="handshake"\} 10$/m);
});

Deno.test("a client that does not complete its handshake is reset, others are served", async () => {
  const env = { ...tlsEnvironment(), STREAM_PROXY_REQUEST_TIMEOUT_SECS: "1" };
  await using harness = await startHarness({ env });
  const { grpc, health } = harness.proxy.ports;
  const slow = await Promise.all(
    [grpc, health].flatMap((port) =>
      Array.from({ length: 40 }, () => Deno.connect({ hostname: "127.0.0.1", port }))
    ),
  );
  await Promise.all(slow.map((conn) => conn.write(Uint8Array.of(22, 3, 1, 2))));
  await callStatus(grpc);
  const ends = await Promise.all(slow.map(async (conn) => {
    const end = await conn.read(new Uint8Array(64)).catch((error) => error.name);
    conn.close();
    return end;
  }));
  assert.ok(ends.every((end) => end === "ConnectionReset"), `${ends}`);
  const line = harness.log.records.find(({ fields }) => fields.limit === "handshake_time");
  assert.match(String(line?.fields.reason), /not complete within 1000 ms/);
});

Deno.test("all requests of one packet are answered through TLS", async () => {
  await using harness = await startHarness({ env: tlsEnvironment() });
  const socket = await secureSocket(harness.proxy.ports.health, { ALPNProtocols: ["http/1.1"] });
  let answers = 0;
  socket.on("data", (bytes: Uint8Array) => {
    answers += new TextDecoder().decode(bytes).split("HTTP/1.1 200").length - 1;
  });
  const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  socket.write(request.repeat(3));
  await until("all requests of a packet are answered", () => answers === 3);
  socket.destroy();
});

Deno.test("requests through TLS have the deadlines of those without", async () => {
  const env = { ...tlsEnvironment(), STREAM_PROXY_HTTP_IDLE_SECS: "1" };
  await using harness = await startHarness({ env });
  const socket = await secureSocket(harness.proxy.ports.health, { ALPNProtocols: ["http/1.1"] });
  const closed = once(socket, "close");
  socket.resume();
  socket.write("GET /healthz HTTP/1.1\r\nHost: local");
  await closed;
});

Deno.test("certificates are replaced under load without a dropped stream", async () => {
  const folder = await Deno.makeTempDir();
  // As Kubernetes mounts a Secret: files are links through a link that is exchanged.
  const write = async (name: string, version: string) => {
    const { cert, key } = keyPair(name);
    await Deno.mkdir(`${folder}/${version}`);
    await Deno.writeTextFile(`${folder}/${version}/tls.crt`, cert);
    await Deno.writeTextFile(`${folder}/${version}/tls.key`, key);
    await Deno.symlink(version, `${folder}/..new`);
    await Deno.rename(`${folder}/..new`, `${folder}/..data`);
  };
  await write("proxy", "..1");
  await Deno.symlink("..data/tls.crt", `${folder}/tls.crt`);
  await Deno.symlink("..data/tls.key", `${folder}/tls.key`);
  await using harness = await startHarness({
    env: {
      STREAM_PROXY_TLS_CERT_FILE: `${folder}/tls.crt`,
      STREAM_PROXY_TLS_KEY_FILE: `${folder}/tls.key`,
    },
    clock: new ScaledClock("2024-01-15T15:00:00Z"),
    simulator: { messagesPerSecond: 500 },
  });
  const { grpc, health } = harness.proxy.ports;
  assert.equal(await presentedSubject(grpc, "h2"), "localhost");
  using client = secureClient(grpc);
  const stop = new AbortController();
  const failures: unknown[] = [];
  const counts = [0, 0, 0];
  const streams = counts.map(async (_, index) => {
    try {
      const options = { signal: stop.signal };
      for await (const _quote of client.streamQuotes({}, options)) counts[index]!++;
    } catch (error) {
      if (!stop.signal.aborted) failures.push(error);
    }
  });
  await until("quotes arrive", () => counts.every((count) => count > 50));
  await write("renewed", "..2");
  await until(
    "the new certificate is presented",
    async () => await presentedSubject(grpc, "h2") === "renewed",
  );
  assert.equal(await presentedSubject(health, "http/1.1"), "renewed");
  const before = [...counts];
  await until("quotes go on", () => counts.every((count, i) => count > before[i]! + 50));
  // A bad file keeps the certificate.
  await Deno.writeTextFile(`${folder}/..data/tls.key`, keyPair("proxy").key);
  await until("the error is logged", () => harness.log.messages("error").length > 0);
  assert.equal(await presentedSubject(grpc, "h2"), "renewed");
  assert.deepEqual(failures, []);
  stop.abort();
  await Promise.all(streams);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a port that other machines reach without TLS is a warning at start", async () => {
  const warnings = async (env: Record<string, string>) => {
    await using harness = await startHarness({ env });
    return harness.log.records.filter(({ message }) => message.includes("without TLS"))
      .map(({ fields }) => fields.ports);
  };
  assert.deepEqual(await warnings({}), []);
  assert.deepEqual(await warnings({ STREAM_PROXY_HOST: "0.0.0.0" }), [["grpc", "health"]]);
  const exposed = { ...tlsEnvironment(), STREAM_PROXY_HOST: "0.0.0.0" };
  assert.deepEqual(await warnings(exposed), []);
  const part = { ...exposed, STREAM_PROXY_TLS_PORTS: "grpc" };
  assert.deepEqual(await warnings(part), [["health"]]);
});
