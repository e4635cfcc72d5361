/**
 * Calls `grpc.health.v1.Health/Check` until the status is SERVING and exits
 * with 0, or with 1 after `--seconds`: `helm test` may run before the first feed
 * has connected. Certificates for `https://` addresses are read from the variables
 * that `tail` reads.
 *
 * ```sh
 * grpc_health.ts proxy:50052 --seconds 60
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { RpcClient } from "../../../client/rpc_client.ts";
import { parseAddress } from "../../../cli/address.ts";
import { credentialsOf } from "../../../cli/credentials.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../../src/gen/grpc/health/v1/health_pb.ts";

const encoder = new TextEncoder();

/** Returns the name of the serving status. @throws RpcError when the call fails */
async function checkHealth(address: string): Promise<string> {
  const { tls = {} } = credentialsOf(Deno.env.toObject());
  using client = new RpcClient(parseAddress(address, "the address"), {}, { tls });
  // No service name: the whole server.
  const { status } = await client.call(Health.method.check, {});
  return Object.entries(Serving).find(([, value]) => value === status)?.[0] ?? `status ${status}`;
}

/** Checks once a second until the status is SERVING or the time is up. */
async function waitUntilServing(
  address: string,
  seconds: number,
): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const status = await checkHealth(address).catch((error: Error) => error.message);
    Deno.stdout.writeSync(encoder.encode(`${address}: ${status}\n`));
    if (status === "SERVING") return true;
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { seconds: { type: "string", default: "0" } },
  });
  const serving = await waitUntilServing(
    positionals[0] ?? "localhost:50052",
    Number(values.seconds),
  );
  Deno.exit(serving ? 0 : 1);
}
