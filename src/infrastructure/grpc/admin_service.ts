/**
 * `cream.v1.AdminService`: administration over gRPC. Calls are admitted only from identities with
 * the grant for it (`call_identities.ts`).
 *
 * @module
 */
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Actor,
  AdminError,
  type Administration,
  type ListedConnection,
  type LogLevelReport,
  type SettingReport,
} from "../../application/admin/administration.ts";
import { authorizeAdmin } from "../../application/access/authorize.ts";
import type { ConnectionKind } from "../../application/connections/connection_limits.ts";
import type { Clock } from "../../application/ports/clock.ts";
import {
  type DeliveryPolicy,
  type StreamReport,
  withoutOrders,
} from "../../application/status/reports.ts";
import type { Grants, Identity } from "../../domain/access/grants.ts";
import {
  AdminService,
  CloseConnectionResponseSchema,
  type ConnectionInfoSchema,
  ConnectionKind as Kind,
  DrainRequest_Action as Action,
  DrainResponseSchema,
  EndStreamResponseSchema,
  GetSettingsResponseSchema,
  ListConnectionsResponseSchema,
  ListStreamsResponseSchema,
  type LogLevelStateSchema,
  ReconnectFeedResponseSchema,
  SetLogLevelResponseSchema,
  Setting_Source as Source,
  type SettingSchema,
  type StreamInfoSchema,
} from "../../gen/cream/v1/admin_pb.ts";
import { DeliveryPolicy as Policy } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { CallError, refusalOf } from "./call_error.ts";
import { type Handlers, serve, type ServedService } from "./methods.ts";
import { Code } from "./status_code.ts";

/** Dependencies of the service. */
interface AdminDependencies {
  readonly admin: Administration;
  readonly clock: Pick<Clock, "now">;
}

const KINDS: Readonly<Record<ConnectionKind, Kind>> = {
  grpc: Kind.GRPC,
  websocket: Kind.WEBSOCKET,
  http: Kind.HTTP,
};

const POLICIES: Readonly<Record<DeliveryPolicy, Policy>> = {
  every: Policy.EVERY,
  latest: Policy.LATEST,
  every_or_end: Policy.EVERY_OR_END,
};

/** Returns the service. */
export function adminService(deps: AdminDependencies): ServedService {
  return serve(AdminService, adminHandlers(deps));
}

/** Returns the handlers of all methods. */
function adminHandlers({ admin, clock }: AdminDependencies): Handlers<typeof AdminService> {
  return {
    listStreams: handler(ListStreamsResponseSchema, (request, _actor, { orders }) => {
      const { pageSize, pageToken, identity } = request;
      const page = admin.listStreams({ size: pageSize, token: pageToken }, identity);
      const now = clock.now();
      const readable = orders ? page.entries : page.entries.map(withoutOrders);
      const streams = readable.map((stream) => streamInfo(stream, now));
      return { streams, nextPageToken: page.nextToken, total: page.total };
    }),
    listConnections: handler(ListConnectionsResponseSchema, ({ pageSize, pageToken }) => {
      const page = admin.listConnections({ size: pageSize, token: pageToken });
      const now = clock.now();
      const connections = page.entries.map((connection) => connectionInfo(connection, now));
      return { connections, nextPageToken: page.nextToken, total: page.total };
    }),
    endStream: handler(EndStreamResponseSchema, ({ id, reason }, actor) => {
      admin.endStream(actor, id, reason);
      return {};
    }),
    closeConnection: handler(CloseConnectionResponseSchema, ({ id, reason }, actor) => ({
      streams: admin.closeConnection(actor, id, reason),
    })),
    drain: handler(DrainResponseSchema, ({ action, reason, endStreams }, actor) => {
      if (action === Action.BEGIN) admin.drain(actor, { reason, endStreams });
      else if (action === Action.UNDO) admin.undrain(actor);
      else {
        const text = "has to be ACTION_BEGIN or ACTION_UNDO";
        throw new AdminError({ kind: "invalid", field: "action" }, text);
      }
      const { isDraining, streams } = admin.drainState;
      return { draining: isDraining, streams };
    }),
    reconnectFeed: handler(ReconnectFeedResponseSchema, ({ feed }, actor) => {
      admin.reconnectFeed(actor, feed);
      return {};
    }),
    getSettings: handler(GetSettingsResponseSchema, () => {
      const { logLevel } = admin;
      return {
        settings: admin.settings().map(settingOf),
        ...(logLevel && { logLevel: levelState(logLevel) }),
      };
    }),
    setLogLevel: handler(SetLogLevelResponseSchema, ({ level, duration }, actor) => ({
      logLevel: levelState(admin.setLogLevel(actor, level, duration && msOf(duration))),
    })),
  };
}

/** Makes a handler that checks the grant and encodes what `respond` returns. */
function handler<R, S extends DescMessage>(
  schema: S,
  respond: (request: R, actor: Actor, grants: Grants) => MessageInitShape<S>,
): (request: R, identity: Identity, peer: string) => Uint8Array {
  return (request, { name, grants, credential }, peer) => {
    try {
      authorizeAdmin(grants);
      const actor = { identity: name, credential, peer };
      return toBinary(schema, create(schema, respond(request, actor, grants)));
    } catch (error) {
      throw error instanceof AdminError ? callError(error) : refusalOf(error);
    }
  };
}

function callError({ failure, message }: AdminError): CallError {
  switch (failure.kind) {
    case "invalid": {
      const fields = [{ field: failure.field, description: message }];
      return new CallError(Code.INVALID_ARGUMENT, `${failure.field}: ${message}`, { fields });
    }
    case "not_found":
      return new CallError(Code.NOT_FOUND, message);
    case "precondition":
      return new CallError(Code.FAILED_PRECONDITION, message);
    case "too_soon": {
      const { retryAfterMs } = failure;
      return new CallError(Code.RESOURCE_EXHAUSTED, message, { retryAfterMs });
    }
  }
}

function msOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

function streamInfo(stream: StreamReport, now: number): MessageInitShape<typeof StreamInfoSchema> {
  const { identity = "", peer = "", userAgent = "", rpc = "", options, oldestQueuedAt } = stream;
  const lagMs = oldestQueuedAt === undefined ? undefined : Math.max(0, now - oldestQueuedAt);
  return {
    id: stream.id,
    identity,
    peer,
    userAgent,
    rpc,
    filter: stream.filter,
    filterSize: stream.filterSize ?? 0,
    ...(options && { streamId: options.streamId }),
    options: [...options?.names ?? []],
    delivery: POLICIES[options?.delivery ?? "every"],
    openedAt: timestampFromMs(stream.openedAt),
    ...(lagMs !== undefined && { lag: durationFromMs(Math.round(lagMs)) }),
    queued: BigInt(stream.queued),
    sent: BigInt(stream.sent),
    lost: BigInt(stream.dropped),
    conflated: BigInt(options?.conflated ?? 0),
    bytes: BigInt(stream.bytes ?? 0),
  };
}

function connectionInfo(
  { id, kind, peer = "", identities, streams, openedAt, idleMs, received, sent }: ListedConnection,
  now: number,
): MessageInitShape<typeof ConnectionInfoSchema> {
  return {
    id,
    kind: KINDS[kind],
    peer,
    identities: [...identities],
    streams,
    openedAt: timestampFromMs(Math.round(openedAt)),
    ...(idleMs !== undefined && { idleSince: timestampFromMs(Math.round(now - idleMs)) }),
    bytesReceived: BigInt(received),
    bytesSent: BigInt(sent),
  };
}

function settingOf(
  { name, value, variable }: SettingReport,
): MessageInitShape<typeof SettingSchema> {
  const source = variable === undefined ? Source.DEFAULT : Source.ENVIRONMENT;
  return { name, value, source, variable: variable ?? "" };
}

function levelState(
  { level, until }: LogLevelReport,
): MessageInitShape<typeof LogLevelStateSchema> {
  return { level, ...(until !== undefined && { until: timestampFromMs(Math.round(until)) }) };
}
