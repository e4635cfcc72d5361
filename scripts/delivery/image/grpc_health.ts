/**
 * Asks a gRPC server `grpc.health.v1.Health/Check` and ends with 0 when it
 * says SERVING, with 1 otherwise. Asks again until `--seconds` have passed, as
 * `helm test` may come before the first feed has connected.
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

/** Longest that one answer may take, in ms. */
const PATIENCE_MS = 3_000;

/** What the server says of itself; rejects when it cannot be asked. */
export async function askHealth(address: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        () => Buffer.alloc(0), // no service name: the server as a whole
        (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
        undefined,
        { deadline: Date.now() + PATIENCE_MS },
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

/** Asks once a second until it is SERVING or the time is up. */
export async function waitUntilServing(
  address: string,
  { seconds, say }: {
    readonly seconds: number;
    readonly say: (line: string) => void;
  },
): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await askHealth(address).catch((error: Error) =>
      error.message
    );
    say(`${address}: ${answer}`);
    if (answer === "SERVING") return true;
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
  const encoder = new TextEncoder();
  const serving = await waitUntilServing(positionals[0] ?? "localhost:50052", {
    seconds: Number(values.seconds),
    say: (line) => Deno.stdout.writeSync(encoder.encode(`${line}\n`)),
  });
  Deno.exit(serving ? 0 : 1);
}
