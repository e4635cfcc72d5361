/**
 * `grpc.health.v1.Health`: whether it is worth sending work here.
 *
 * SERVING when at least one feed is connected and the proxy is not draining,
 * for the server as a whole and for the stream service alike. Watch looks once
 * a second and speaks only when the answer has changed.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { status as Code } from "@grpc/grpc-js";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { StatusSource } from "../../application/status/status.ts";
import { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { CallError, ClientGone } from "./call_error.ts";
import type { OpenCalls } from "./open_calls.ts";
import { accept, endCall, pump } from "./pump.ts";
import type { Bodies, Handlers, StreamCall } from "./service_bridge.ts";

/** How often Watch looks, in ms. */
const LOOK_EVERY_MS = 1000;
/** How much of an unknown name is quoted back, in characters. */
const MAX_QUOTED = 64;

const SERVICES: ReadonlySet<string> = new Set([
  "",
  StreamProxyService.typeName,
]);

/** What the service is made of. */
export interface HealthParts {
  readonly status: StatusSource;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly log: Log;
}

function answer(status: Serving): Uint8Array {
  return toBinary(
    HealthCheckResponseSchema,
    create(HealthCheckResponseSchema, { status }),
  );
}

/** A name from a request, short enough for a header. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, MAX_QUOTED));
}

function servingNow({ status, calls }: HealthParts): Serving {
  const { feeds, draining } = status();
  const up = feeds.some(({ state }) => state === "connected");
  return up && !draining && !calls.refusing
    ? Serving.SERVING
    : Serving.NOT_SERVING;
}

/** The answer now, and again whenever it has changed. */
async function* changes(
  look: () => Serving,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Bodies, void> {
  let told: Serving | undefined;
  while (!signal.aborted) {
    const now = look();
    if (now !== told) {
      told = now;
      yield [answer(now)];
    }
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

/**
 * What a watch of `service` looks at; the name, which can have megabytes, is not
 * kept. A service that does not exist now may exist later, so the standard has
 * Watch say so and stay open.
 */
function lookOf(parts: HealthParts, service: string): () => Serving {
  return SERVICES.has(service)
    ? () => servingNow(parts)
    : () => Serving.SERVICE_UNKNOWN;
}

async function watch(
  parts: HealthParts,
  look: () => Serving,
  call: StreamCall,
): Promise<void> {
  let end: unknown;
  try {
    const signal = parts.calls.admit(call);
    accept(call);
    await pump(call, changes(look, parts.clock, signal), { signal });
    end = signal.reason;
  } catch (error) {
    end = error;
  }
  if (!(end instanceof CallError || end instanceof ClientGone)) {
    parts.log.error("A health watch failed", { cause: end });
  }
  endCall(call, end);
}

/** Handlers of the health service. */
export function healthHandlers(parts: HealthParts): Handlers<typeof Health> {
  return {
    check({ service }) {
      if (SERVICES.has(service)) return answer(servingNow(parts));
      throw new CallError(
        Code.NOT_FOUND,
        `There is no service ${quoted(service)}; ask for ` +
          `"${StreamProxyService.typeName}" or for ""`,
      );
    },
    watch: ({ service }, call) =>
      void watch(parts, lookOf(parts, service), call),
  };
}
