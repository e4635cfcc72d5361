/**
 * `grpc.health.v1.Health`, for the server as a whole and for the stream service.
 *
 * SERVING while at least one feed is connected and the proxy is not draining. Watch checks once a
 * second and sends only changes.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { StatusSource } from "../../application/status/status.ts";
import { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { CallError } from "./call_error.ts";
import type { EncodedMessages } from "./framed_batch.ts";
import type { Handlers } from "./methods.ts";
import type { OpenCalls } from "./open_calls.ts";
import { quoted } from "./request_validator.ts";
import { Code } from "./status_code.ts";
import { serveMessages } from "./stream_pump.ts";

/** Time between two checks of Watch, in ms. */
const WATCH_INTERVAL_MS = 1_000;
/** Characters of an unknown name that are quoted in the error. */
const MAX_QUOTED = 64;

const SERVICES: ReadonlySet<string> = new Set(["", StreamProxyService.typeName]);

/** Dependencies of the service. */
interface HealthDependencies {
  readonly status: StatusSource;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly log: Log;
}

function encode(status: Serving): Uint8Array {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}

function servingNow({ status, calls }: HealthDependencies): Serving {
  const { feeds, draining } = status();
  const up = feeds.some(({ state }) => state === "connected");
  return up && !draining && !calls.isRefusing ? Serving.SERVING : Serving.NOT_SERVING;
}

/** Yields the status now and after each change. */
async function* changes(
  check: () => Serving,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<EncodedMessages, void> {
  let sent: Serving | undefined;
  while (!signal.aborted) {
    const now = check();
    if (now !== sent) {
      sent = now;
      yield [encode(now)];
    }
    await clock.sleep(WATCH_INTERVAL_MS, signal);
  }
}

/**
 * Returns the check for a watch of `service`, without keeping the name, which can have megabytes.
 * An unknown service can exist later, so by the standard Watch sends SERVICE_UNKNOWN and stays
 * open.
 */
function checkOf(deps: HealthDependencies, service: string): () => Serving {
  return SERVICES.has(service) ? () => servingNow(deps) : () => Serving.SERVICE_UNKNOWN;
}

/** Returns the handlers of the health service. */
export function healthHandlers(deps: HealthDependencies): Handlers<typeof Health> {
  return {
    check({ service }) {
      if (SERVICES.has(service)) return encode(servingNow(deps));
      throw new CallError(
        Code.NOT_FOUND,
        `Unknown service ${
          quoted(service, MAX_QUOTED)
        }; use "${StreamProxyService.typeName}" or ""`,
      );
    },
    watch(call) {
      const check = checkOf(deps, call.request.take().service);
      return serveMessages(call, (signal) => changes(check, deps.clock, signal), deps);
    },
  };
}
