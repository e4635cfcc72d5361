/**
 * Serves one stream from its request to its status.
 *
 * A stream is refused with a status alone while the proxy drains, when the request is invalid, or
 * when a symbol limit is exceeded. Otherwise it is opened (it receives every event from then on),
 * its headers are sent immediately, a pump writes its items, and it ends with UNAVAILABLE if the
 * proxy ends it.
 *
 * @module
 */
import type { Access } from "../../application/access/access.ts";
import { authorizeStream, PermissionDenied } from "../../application/access/authorize.ts";
import type { StreamAudit, StreamEnd } from "../../application/admin/stream_audit.ts";
import { QuotaExceeded } from "../../application/feeds/quota_check.ts";
import { IdentityLimitExceeded } from "../../application/limits/identity_usage.ts";
import { OpenedTooOften } from "../../application/limits/opening_rate.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Span, Tracing } from "../../application/ports/tracing.ts";
import {
  type MarketStreams,
  type StreamClient,
  type StreamFilter,
  TooManySymbols,
} from "../../application/streaming/market_streams.ts";
import type { StreamOptions } from "../../application/streaming/stream_options.ts";
import type { Identity } from "../../domain/access/grants.ts";
import type { ChannelEvents, ChannelName } from "../../domain/market/channels.ts";
import type { StreamOptions as OptionsMessage } from "../../gen/cream/v1/stream_proxy_pb.ts";
import type { Call, StreamCall } from "./call.ts";
import { CallError, ClientGone, refusalOf, stalled, unavailable } from "./call_error.ts";
import type { ChannelEncoders } from "./encoding/channel_encoders.ts";
import { eventWord, type MetaEncoder } from "./encoding/message_meta.ts";
import type { WriteScheduler } from "./limits/write_scheduler.ts";
import type { OpenCalls } from "./open_calls.ts";
import { pumpWithOptions } from "./options_pump.ts";
import type { RequestLimits } from "./request_filters.ts";
import { readOptions } from "./request_options.ts";
import { RequestValidator } from "./request_validator.ts";
import { nameOf } from "./status_code.ts";
import { pumpStream, type WriteOptions, type WriteTicker } from "./stream_pump.ts";

/** What all streams share. */
export interface StreamsContext {
  readonly streams: MarketStreams;
  readonly limits: RequestLimits;
  readonly access: Pick<Access, "denied">;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Logs streams that are refused. @default none */
  readonly audit?: Pick<StreamAudit, "refused"> | undefined;
  /** Delays busy streams between two writes. @default no delay */
  readonly ticker: WriteTicker | undefined;
  readonly encoders: ChannelEncoders;
  readonly meta: MetaEncoder;
  readonly writes: WriteScheduler;
  /** Version of the proxy. */
  readonly version: string;
}

/** The part of a request that all streams have. */
interface OptionalOptions {
  readonly options?: OptionsMessage | undefined;
}

/** Reads the filter of a request; throws all violations, also those that the validator has. */
type ReadFilter<R> = (
  request: R,
  limits: RequestLimits,
  now: number,
  validator: RequestValidator,
) => StreamFilter;

/** An open stream and the pump that writes it. */
interface Opened {
  readonly stream: Disposable & { readonly sent: number; readonly dropped: number };
  /** Writes until the stream ends or the signal fires. */
  readonly pump: (writing: WriteOptions) => Promise<void>;
  /** Why the proxy has ended the stream, if it states a reason. */
  readonly endReason: () => string | undefined;
}

/** Returns the handler of a channel, which serves a stream until its status is sent. */
export function streamHandler<C extends ChannelName, R>(
  channel: C,
  readFilter: ReadFilter<R>,
  context: StreamsContext,
): (call: StreamCall<R & OptionalOptions>) => Promise<void> {
  const { tracing, log, calls, limits, clock } = context;
  // A function of its own: a variable of the handler would keep the request until the stream ends.
  const read = (request: R & OptionalOptions) => {
    const validator = new RequestValidator(limits.maxSymbols);
    const options = readOptions(channel, request.options, validator);
    return { options, filter: readFilter(request, limits, clock.now(), validator) };
  };
  return async (call) => {
    let name = "";
    const span = tracing.span("grpc.stream", {
      "rpc.system": "grpc",
      "rpc.method": call.path,
      "client.address": call.peer,
    });
    let end: unknown;
    try {
      const tracked = calls.track(call);
      const { identity } = call;
      name = identity.name;
      const request = read(call.request.take());
      authorizeStream(identity.grants, channel, request.filter);
      end = await serve(call, { channel, ...request, identity, tracked, span }, context);
    } catch (error) {
      if (error instanceof QuotaExceeded) {
        log.warn("Refused a stream: symbol quota exceeded", { channel, ...error.excess });
      } else if (error instanceof TooManySymbols) {
        log.warn("Refused a stream: STREAM_PROXY_MAX_SYMBOLS exceeded", {
          channel,
          ...error.excess,
        });
      } else if (error instanceof IdentityLimitExceeded || error instanceof OpenedTooOften) {
        log.warn("Refused a stream at a limit of its identity", {
          channel,
          identity: call.identity.name,
          reason: error.message,
        });
      } else if (error instanceof PermissionDenied) {
        context.access.denied(call.peer, call.identity, error);
      }
      end = refusalOf(error);
      if (end instanceof CallError) {
        const { peer } = call;
        const [status, reason] = [nameOf(end.code), end.message];
        context.audit?.refused({ identity: name, peer, rpc: rpcOf(call), status, reason });
      }
    }
    if (end instanceof ClientGone) span.set({ "stream.end": "client" });
    else if (end instanceof CallError) span.set({ "stream.end": "proxy" });
    else {
      log.error("A client stream failed", { channel, cause: end });
      span.fail(end);
      span.set({ "stream.end": "fault" });
    }
    span.end();
    call.end(end);
  };
}

/** What a request asks for. */
interface StreamRequest<C extends ChannelName> {
  readonly channel: C;
  readonly filter: StreamFilter;
  readonly options: StreamOptions | undefined;
  readonly identity: Identity;
  /** Ends the call. */
  readonly tracked: AbortController;
  readonly span: Span;
}

/** Opens a stream and writes it; returns why it ends. */
async function serve<C extends ChannelName>(
  call: Call,
  { channel, filter, options, identity, tracked, span }: StreamRequest<C>,
  context: StreamsContext,
): Promise<unknown> {
  const { log, writes, ticker, clock } = context;
  const { signal } = tracked;
  const ended = Promise.withResolvers<unknown>();
  const written = { bytes: 0 };
  let end: unknown;
  const client: StreamClient = {
    identity: identity.name,
    limits: identity.grants.limits,
    credential: identity.credential,
    rpc: rpcOf(call),
    end: () => describeEnd(end),
    peer: call.peer,
    userAgent: call.userAgent,
    onStall: (stall) => ended.resolve(end = stalled(stall)),
    onEnd: (reason) => tracked.abort(unavailable(reason)),
    written,
  };
  const request = { channel, filter, client };
  const { stream, pump, endReason } = options === undefined
    ? openPlain(call, request, context)
    : openWithOptions(call, { ...request, options }, context);
  using _open = stream;
  using connection = writes.queueOf(call.peer);
  call.sendHeaders();
  const pumped = pump({
    signal,
    ticker,
    writes: connection,
    written,
    clock,
    onEncodeError: (cause) => log.error("An event could not be encoded", { channel, cause }),
  });
  try {
    // The pump of a stalled client waits for its last write until the call ends.
    end = await Promise.race([pumped, ended.promise]) ?? signal.reason;
  } catch (error) {
    end = error;
  }
  span.set({ "stream.sent": stream.sent, "stream.dropped": stream.dropped });
  if (end !== undefined) return end;
  const cause = endReason();
  if (cause !== undefined) log.warn("Ended a stream: its client is too slow", { channel, cause });
  return end = unavailable(textOfEnd(cause));
}

/** The name of the method of a call: `StreamQuotes`. */
function rpcOf({ path }: Call): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Why a stream has ended, for the audit log; `undefined` when the proxy has ended its queue. */
function describeEnd(end: unknown): StreamEnd {
  if (end instanceof ClientGone) return { by: "client" };
  if (end === undefined) return { by: "proxy" };
  if (!(end instanceof CallError)) return { by: "fault" };
  return { by: "proxy", status: `${nameOf(end.code)}: ${end.message}` };
}

/** The end of a stream that the proxy has ended for this reason, with what the client can do. */
function textOfEnd(reason: string | undefined): string {
  if (reason === undefined) return "The proxy ended this stream; reopen it";
  return `${reason}; reopen it with options.resume after the last message, and read faster or ` +
    "request fewer symbols";
}

/** A stream to open. */
interface PlainRequest<C extends ChannelName> {
  readonly channel: C;
  readonly filter: StreamFilter;
  readonly client: StreamClient;
}

function openPlain<C extends ChannelName>(
  call: Call,
  { channel, filter, client }: PlainRequest<C>,
  { streams, encoders }: StreamsContext,
): Opened {
  const stream = streams.open(channel, filter, client);
  const encode = encoders[channel];
  return {
    stream,
    endReason: () => undefined,
    pump: (writing) => pumpStream(call, stream, { ...writing, encode }),
  };
}

function openWithOptions<C extends ChannelName>(
  call: Call,
  request: PlainRequest<C> & { readonly options: StreamOptions },
  { streams, encoders, meta, version }: StreamsContext,
): Opened {
  const { channel, filter, options, client } = request;
  const stream = streams.openWithOptions(channel, filter, options, client);
  return {
    stream,
    endReason: () => stream.endReason,
    pump: (writing) =>
      pumpWithOptions<ChannelEvents[C]>(call, stream, {
        ...writing,
        encode: encoders[channel],
        meta: options.meta ? meta : undefined,
        wordOf: eventWord(channel),
        version,
      }),
  };
}
