/**
 * Calls `grpc.health.v1.Health/Check` until the status is SERVING and exits
 * with 0, or with 1 after `--seconds`: `helm test` may run before the first feed
 * has connected.
 *
 * ```sh
 * grpc_health.ts proxy:50052 --seconds 60
 * ```
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { parseArgs } from "node:util";
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "../../../src/gen/grpc/health/v1/health_pb.ts";

/** Deadline of a call, in ms. */
const TIMEOUT_MS = 3_000;
const encoder = new TextEncoder();

/** Returns the name of the serving status. @throws ServiceError when the call fails */
async function checkHealth(address: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        () => Buffer.alloc(0), // no service name: the whole server
        (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
        undefined,
        { deadline: Date.now() + TIMEOUT_MS },
        (error, response) => {
          if (error !== null) reject(error);
          else resolve(nameOf(response));
        },
      );
    });
  } finally {
    client.close();
  }
}

function nameOf(response: HealthCheckResponse | undefined): string {
  const status = response?.status ?? Serving.UNKNOWN;
  return Object.entries(Serving).find(([, value]) => value === status)?.[0] ??
    `status ${status}`;
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
