/** The end of a client certificate, on connections that are older than it. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import type { PeerCertificate } from "../../../src/application/access/access.ts";
import { accessOf } from "../../support/access.ts";
import { FrameClient, Type } from "../../support/frame_client.ts";
import {
  DEFAULT_ADMISSION,
  type GrpcHarness,
  type GrpcHarnessOptions,
  pathOf,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { until } from "../../support/until.ts";

const VALID_MS = 600_000;
const DAY_MS = 86_400_000;

/** Starts a server whose clients have a certificate that is valid for ten minutes from now on. */
function start(
  clock: ManualClock,
  options: Partial<GrpcHarnessOptions> = {},
): Promise<GrpcHarness> {
  const secure = (socket: Socket, use: (secured: Socket, certificate: PeerCertificate) => void) =>
    use(socket, { subject: "CN=robot", uris: [], expiresAt: clock.now() + VALID_MS });
  // A clock that a test advances would not wait for the replies to pings.
  return startGrpcHarness({ clock, keepaliveMs: DAY_MS, security: { secure }, ...options });
}

/** Opens a stream; a client of Deno 2.9.6 can end its streams by itself at GOAWAY. */
async function open({ server, market }: GrpcHarness) {
  const client = await FrameClient.connect(server.port);
  client.open(pathOf("StreamQuotes"));
  await market.untilOpen(1);
  const [stream] = market.streams;
  assert(stream);
  return { client, end: () => stream.client.end?.() };
}

/** Advances the clock until all connections have ended. */
async function untilEnded({ server }: GrpcHarness, clock: ManualClock): Promise<void> {
  await until("the connection has ended", async () => {
    await clock.advance(1_000);
    return server.connections === 0;
  });
}

Deno.test("streams and connection end with the client certificate, without a policy", async () => {
  const clock = new ManualClock();
  await using harness = await start(clock);
  const { client, end } = await open(harness);
  await using _ = client;
  await clock.advance(VALID_MS - 1);
  await client.roundTrip();
  assert.equal(client.of(Type.goaway).length, 0);
  await clock.advance(1);
  await client.until(() => client.of(Type.goaway).length === 1);
  await clock.advance(1_999);
  assert.equal(harness.market.streams.size, 1, "it has two seconds");
  await clock.advance(1);
  await harness.market.untilOpen(0);
  assert.deepEqual(end(), {
    by: "proxy",
    status: "UNAVAILABLE: The client certificate of the connection has expired; connect again " +
      "with a new one",
  });
  await untilEnded(harness, clock);
  const renewed = await open(harness);
  await renewed.client[Symbol.asyncDispose]();
  await until("its stream has ended", () => harness.server.openCalls === 0);
});

Deno.test("streams of which the certificate is the identity end with UNAUTHENTICATED", async () => {
  const clock = new ManualClock();
  const policy = {
    roles: { reader: {} },
    identities: [{ name: "robot", role: "reader", certificates: ["CN=robot"] }],
  };
  using made = await accessOf(policy, { clock });
  await using harness = await start(clock, { access: made.access });
  const { client, end } = await open(harness);
  await using _ = client;
  await clock.advance(VALID_MS + 1_000);
  await harness.market.untilOpen(0);
  assert.match(end()?.status ?? "", /^UNAUTHENTICATED: The token or certificate has expired/);
  await untilEnded(harness, clock);
});

Deno.test("the age of a connection leaves its streams no time beyond its certificate", async () => {
  const clock = new ManualClock();
  await using harness = await start(clock, {
    admission: {
      ...DEFAULT_ADMISSION,
      maxConnectionAgeMs: VALID_MS / 2,
      connectionGraceMs: DAY_MS,
    },
  });
  const { client, end } = await open(harness);
  await using _ = client;
  await clock.advance(VALID_MS - 1_000);
  assert.equal(harness.market.streams.size, 1);
  await clock.advance(1_000);
  await harness.market.untilOpen(0);
  assert.match(end()?.status ?? "", /^UNAVAILABLE: The connection has reached its maximum age/);
  await untilEnded(harness, clock);
});
