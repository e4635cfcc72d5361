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
  type Stall,
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
import type { ChannelEncoders, Encode } from "./encoding/channel_encoders.ts";
import { eventWord, type MetaEncoder } from "./encoding/message_meta.ts";
import type { WriteQueue, WriteScheduler } from "./limits/write_scheduler.ts";
import type { OpenCalls, TrackedCall } from "./open_calls.ts";
import { pumpWithOptions } from "./options_pump.ts";
import type { RequestLimits } from "./request_filters.ts";
import { readOptions } from "./request_options.ts";
import { RequestValidator } from "./request_validator.ts";
import { nameOf } from "./status_code.ts";
import { type PumpOptions, pumpStream, type WriteTicker } from "./stream_pump.ts";

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

/** An open stream. */
interface ServableStream extends Disposable {
  readonly sent: number;
  readonly dropped: number;
  /** Why the proxy has ended it, if it states a reason. */
  readonly endReason?: string | undefined;
}

/** Returns the handler of a channel, which serves a stream until its status is sent. */
export function streamHandler<C extends ChannelName, R>(
  channel: C,
  readFilter: ReadFilter<R>,
  context: StreamsContext,
): (call: StreamCall<R & OptionalOptions>) => void {
  const { limits, clock } = context;
  const read = (request: R & OptionalOptions) => {
    const validator = new RequestValidator(limits.maxSymbols);
    const options = readOptions(channel, request.options, validator);
    return { options, filter: readFilter(request, limits, clock.now(), validator) };
  };
  return (call) => {
    const served = new ServedStream(call, channel, context);
    served.start(() => read(call.request.take()));
  };
}

/** What a request asks for. */
interface StreamRequest {
  readonly filter: StreamFilter;
  readonly options: StreamOptions | undefined;
}

/**
 * A stream from its request to its status. It is idle for most of its life, so that it waits with
 * callbacks instead of promises, and has all of its state in one object.
 */
class ServedStream<C extends ChannelName> implements StreamClient, PumpOptions<ChannelEvents[C]> {
  readonly #call: Call;
  readonly #channel: C;
  readonly #context: StreamsContext;
  readonly #span: Span;
  readonly rpc: string;
  /** Bytes of the messages that were written. */
  bytes = 0;
  #identity: Identity | undefined;
  #tracked: TrackedCall | undefined;
  #stream: ServableStream | undefined;
  /** Writes the stream, if it has no options. */
  #pump: ReturnType<typeof pumpStream> | undefined;
  #writes: WriteQueue | undefined;
  /** Why it ends; undefined while at most its queue has ended. */
  #end: unknown;
  #isOver = false;

  constructor(call: Call, channel: C, context: StreamsContext) {
    this.#call = call;
    this.#channel = channel;
    this.#context = context;
    this.rpc = rpcOf(call);
    this.#span = context.tracing.span("grpc.stream", {
      "rpc.system": "grpc",
      "rpc.method": call.path,
      "client.address": call.peer,
    });
  }

  get identity(): string {
    return this.#identity?.name ?? "";
  }

  get limits(): StreamClient["limits"] {
    return this.#identity?.grants.limits;
  }

  get credential(): string | undefined {
    return this.#identity?.credential;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get userAgent(): string | undefined {
    return this.#call.userAgent;
  }

  get written(): { bytes: number } {
    return this;
  }

  get writes(): WriteQueue {
    return this.#writes ??= this.#context.writes.queueOf(this.peer);
  }

  get encode(): Encode<ChannelEvents[C]> {
    return this.#context.encoders[this.#channel];
  }

  get ticker(): WriteTicker | undefined {
    return this.#context.ticker;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  /** Opens and writes the stream that a request asks for; `read` reads it. */
  start(read: () => StreamRequest): void {
    const { calls } = this.#context;
    try {
      const tracked = calls.track(this.#call);
      this.#tracked = tracked;
      this.#identity = this.#call.identity;
      const request = read();
      authorizeStream(this.#identity.grants, this.#channel, request.filter);
      this.#open(request, tracked);
    } catch (error) {
      if (this.#stream === undefined) this.#refuse(error);
      else this.#finish(error);
    }
  }

  end(): StreamEnd {
    return describeEnd(this.#end);
  }

  onStall(stall: Stall): void {
    this.#finish(stalled(stall));
  }

  onEnd(reason: string): void {
    this.#tracked?.abort(unavailable(reason));
  }

  onEncodeError(cause: unknown): void {
    this.#context.log.error("An event could not be encoded", { channel: this.#channel, cause });
  }

  onWritten(error?: unknown): void {
    this.#finish(error);
  }

  #open({ filter, options }: StreamRequest, tracked: TrackedCall): void {
    if (options === undefined) this.#openPlain(filter);
    else this.#openWithOptions(filter, options, tracked);
    tracked.onAbort((reason) => this.#finish(reason));
  }

  #openPlain(filter: StreamFilter): void {
    const stream = this.#context.streams.open(this.#channel, filter, this);
    this.#stream = stream;
    this.#call.sendHeaders();
    this.#pump = pumpStream<ChannelEvents[C]>(this.#call, stream, this);
  }

  #openWithOptions(filter: StreamFilter, options: StreamOptions, { signal }: TrackedCall): void {
    const { streams, encoders, meta, version, ticker, clock } = this.#context;
    const channel = this.#channel;
    const stream = streams.openWithOptions(channel, filter, options, this);
    this.#stream = stream;
    this.#call.sendHeaders();
    pumpWithOptions<ChannelEvents[C]>(this.#call, stream, {
      signal,
      ticker,
      clock,
      writes: this.writes,
      written: this,
      onEncodeError: (error) => this.onEncodeError(error),
      encode: encoders[channel],
      meta: options.meta ? meta : undefined,
      wordOf: eventWord(channel),
      version,
    }).then(() => this.#finish(), (error) => this.#finish(error));
  }

  #refuse(error: unknown): void {
    const { log, access, audit } = this.#context;
    const channel = this.#channel;
    const { identity, peer, rpc } = this;
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
        identity,
        reason: error.message,
      });
    } else if (error instanceof PermissionDenied) {
      access.denied(peer, this.#call.identity, error);
    }
    const end = refusalOf(error);
    if (end instanceof CallError) {
      const [status, reason] = [nameOf(end.code), end.message];
      audit?.refused({ identity, peer, rpc, status, reason });
    }
    this.#close(end);
  }

  /** Ends the stream, with a reason unless its queue has ended. */
  #finish(end?: unknown): void {
    const stream = this.#stream;
    if (this.#isOver || stream === undefined) return;
    this.#isOver = true;
    this.#pump?.stop();
    this.#span.set({ "stream.sent": stream.sent, "stream.dropped": stream.dropped });
    this.#end = end ?? this.#endOfQueue(stream);
    stream[Symbol.dispose]();
    this.#writes?.[Symbol.dispose]();
    this.#close(this.#end);
  }

  #endOfQueue({ endReason: cause }: ServableStream): CallError {
    const channel = this.#channel;
    if (cause !== undefined) {
      this.#context.log.warn("Ended a stream: its client is too slow", { channel, cause });
    }
    return unavailable(textOfEnd(cause));
  }

  /** Ends the call. */
  #close(end: unknown): void {
    const span = this.#span;
    if (end instanceof ClientGone) span.set({ "stream.end": "client" });
    else if (end instanceof CallError) span.set({ "stream.end": "proxy" });
    else {
      this.#context.log.error("A client stream failed", { channel: this.#channel, cause: end });
      span.fail(end);
      span.set({ "stream.end": "fault" });
    }
    span.end();
    this.#call.end(end);
  }
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
