/**
 * One stream across its connections.
 *
 * @module
 */
import { create, type Message } from "@bufbuild/protobuf";
import {
  type Heartbeat,
  type Hello,
  type MessageMeta,
  MessageMetaSchema,
  type Notice,
  Origin,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { AcknowledgedStream, Acknowledger } from "./acknowledger.ts";
import {
  CHANNEL_METHODS,
  type ChannelName,
  filterFields,
  hasWholeSymbols,
  messageField,
  type StreamFilter,
  symbolOf,
} from "./channels.ts";
import type { ClientClock } from "./clock.ts";
import { gapOf, type StreamGap, type StreamGapReason } from "./gaps.ts";
import {
  type FreshnessChange,
  freshnessOf,
  requestedHeartbeat,
  requestOptions,
  silenceMs,
  type StreamOptions,
} from "./options.ts";
import { Progress, type StreamPosition } from "./progress.ts";
import { isWorthRetrying, retryDelay } from "./retry.ts";
import { type RpcClient, RpcError } from "./rpc_client.ts";

/** A message with its metadata: `quote.bidPrice`, `quote.meta.sequence`. */
export type Received<T> = T & { readonly meta: MessageMeta };

/** Figures of a stream since it was created. */
export interface StreamStats {
  /** The stream by the name of its method. */
  readonly channel: ChannelName;
  /** Messages that the consumer has received. */
  readonly received: number;
  /** Messages that were received again after a resume, and suppressed. */
  readonly duplicates: number;
  /** Gaps by reason, and the sum of their known counts. */
  readonly gaps: Readonly<
    Partial<Record<StreamGapReason, { readonly gaps: number; readonly messages: number }>>
  >;
  /** Connections that were accepted. */
  readonly connections: number;
  /** Connections that continued without a missing message. */
  readonly exactResumes: number;
  /** Connections that did not. */
  readonly inexactResumes: number;
  /** State of the feed; undefined while it is unknown. */
  readonly freshness: FreshnessChange["freshness"] | undefined;
  /** The last totals of the proxy, of the present connection. */
  readonly heartbeat: Heartbeat | undefined;
}

/** Dependencies of a {@linkcode ProxyStream}. */
export interface StreamDependencies {
  readonly transport: Pick<RpcClient, "stream" | "renew">;
  readonly acknowledger: Pick<Acknowledger, "processed" | "forget">;
  readonly clock: ClientClock;
  readonly random: () => number;
  /** Fires when the client is closed. */
  readonly closed: AbortSignal;
  /** Called with the stream when its iteration begins (true) and ends (false). */
  readonly onActive: (stream: ProxyStream<Message>, isActive: boolean) => void;
}

/** What a stream selects, and how. */
export interface StreamRequest {
  readonly channel: ChannelName;
  readonly filter: StreamFilter;
  readonly options: StreamOptions;
}

/** A response of any stream; its message is in the field of the channel. */
interface Response {
  readonly meta?: MessageMeta;
  readonly notice?: Notice;
}

/** One call. */
interface Call {
  readonly abort: AbortController;
  readonly isResuming: boolean;
  readonly hasSnapshot: boolean;
  accepted: boolean;
  greeted: boolean;
  /** The consumer stops reading it, because another call with a snapshot follows. */
  isReplaced: boolean;
  /** Monotonic ms since which the stream waits for a message; undefined while it does not. */
  waitingSince: number | undefined;
  silenceMs: number;
  isSilent: boolean;
  acknowledged: AcknowledgedStream | undefined;
}

/** Messages that the consumer has and that are not processed yet. */
interface Unprocessed {
  newest: bigint;
  last: bigint;
  eventId: string;
  messages: number;
}

/** Messages that are received before the consumer takes them. */
const READ_AHEAD = 256;
/** Shortest time within which a connection has to start, in ms. */
const MIN_START_MS = 10_000;
/** A connection of this length resets the delay of retries, in ms. */
const LASTING_MS = 1_000;

const NO_META: MessageMeta = create(MessageMetaSchema);

/**
 * A stream of messages. Iterate over it once at a time; an iteration that
 * follows another one continues after what the first one received.
 *
 * The iteration ends when its signal fires or the client is closed. It throws an
 * `RpcError` when the request is invalid, and what a handler throws.
 */
export class ProxyStream<T extends Message> implements AsyncIterable<Received<T>> {
  readonly #request: StreamRequest;
  readonly #dependencies: StreamDependencies;
  readonly #progress: Progress;
  readonly #field: string;
  #call: Call | undefined;
  #isActive = false;
  #unprocessed: Unprocessed = { newest: 0n, last: 0n, eventId: "", messages: 0 };
  #received = 0;
  #duplicates = 0;
  #connections = 0;
  #exactResumes = 0;
  #inexactResumes = 0;
  #heartbeat: Heartbeat | undefined;
  #freshness: FreshnessChange["freshness"] | undefined;
  readonly #gaps: Partial<Record<StreamGapReason, { gaps: number; messages: number }>> = {};

  /** Nothing is opened before the iteration. */
  constructor(request: StreamRequest, dependencies: StreamDependencies) {
    this.#request = request;
    this.#dependencies = dependencies;
    this.#field = messageField(request.channel);
    const { options, filter } = request;
    this.#progress = new Progress({
      isEvery: options.delivery !== "latest",
      wantsSnapshot: options.snapshot ?? false,
      hasWholeSymbols: hasWholeSymbols(request.channel, filter),
      position: options.resume,
    });
  }

  /**
   * Everything up to it was processed: the option `resume` of a later stream.
   * Undefined before the stream has begun.
   */
  get position(): StreamPosition | undefined {
    return this.#progress.position;
  }

  /** Figures since the stream was created. */
  get stats(): StreamStats {
    return {
      channel: this.#request.channel,
      received: this.#received,
      duplicates: this.#duplicates,
      gaps: structuredClone(this.#gaps),
      connections: this.#connections,
      exactResumes: this.#exactResumes,
      inexactResumes: this.#inexactResumes,
      freshness: this.#freshness,
      heartbeat: this.#heartbeat,
    };
  }

  /** Iterates over messages; one counts as processed when the next one is taken. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Received<T>, void> {
    for await (const responses of this.#responses()) {
      for (const response of responses) {
        const { message, gap } = this.#check(response);
        if (gap !== undefined) this.#report(gap);
        if (response.notice !== undefined) this.#notice(response.notice);
        this.#take(response, message);
        if (message !== undefined) yield message;
        this.#processed();
        if (this.#call?.isReplaced) break;
      }
    }
  }

  /**
   * Iterates over batches of messages that have arrived, never empty; a batch
   * counts as processed when the next one is taken.
   */
  async *batches(): AsyncGenerator<readonly Received<T>[], void> {
    for await (const responses of this.#responses()) {
      let batch: Received<T>[] = [];
      for (const response of responses) {
        const { message, gap } = this.#check(response);
        // Handlers are called in order with the messages.
        if (batch.length > 0 && (gap ?? response.notice) !== undefined) {
          yield batch;
          this.#processed();
          batch = [];
        }
        if (gap !== undefined) this.#report(gap);
        if (response.notice !== undefined) this.#notice(response.notice);
        this.#take(response, message);
        if (message !== undefined) batch.push(message);
        if (this.#call?.isReplaced) break;
      }
      if (batch.length > 0) yield batch;
      this.#processed();
    }
  }

  /** Responses of all connections. */
  async *#responses(): AsyncGenerator<readonly Response[], void> {
    const { options } = this.#request;
    const { clock, closed, random, onActive } = this.#dependencies;
    if (this.#isActive) throw new TypeError("The stream is being iterated already");
    this.#isActive = true;
    onActive(this, true);
    const ended = options.signal ? AbortSignal.any([options.signal, closed]) : closed;
    try {
      for (let attempt = 1; !ended.aborted; attempt++) {
        options.onConnection?.({ state: "connecting" });
        const call = this.#open();
        const startedAt = clock.monotonic();
        const failure = yield* this.#connection(call, ended);
        this.#endOf(call);
        if (ended.aborted) return;
        if (failure === undefined) {
          attempt = 0;
          continue;
        }
        const isPermanent = !isWorthRetrying(failure);
        if (isPermanent || options.reconnect === false) throw failure;
        if (call.accepted && clock.monotonic() - startedAt >= LASTING_MS) attempt = 1;
        const retryInMs = retryDelay(attempt, random());
        options.onConnection?.({ state: "lost", error: failure, retryInMs });
        await clock.sleep(retryInMs, ended);
      }
    } finally {
      if (this.#call) this.#endOf(this.#call);
      this.#isActive = false;
      onActive(this, false);
    }
  }

  #open(): Call {
    const { options } = this.#request;
    const position = options.basic ? undefined : this.#progress.position;
    const call: Call = {
      abort: new AbortController(),
      isResuming: position !== undefined,
      hasSnapshot: position === undefined && (options.snapshot ?? false),
      accepted: false,
      greeted: options.basic ?? false,
      isReplaced: false,
      waitingSince: undefined,
      silenceMs: Math.max(MIN_START_MS, 2 * requestedHeartbeat(options)),
      isSilent: false,
      acknowledged: undefined,
    };
    this.#progress.connect(call.isResuming);
    this.#heartbeat = undefined;
    this.#call = call;
    return call;
  }

  /** Ends a call and reports a gap that should have followed. */
  #endOf(call: Call): void {
    call.abort.abort();
    if (call.acknowledged) this.#dependencies.acknowledger.forget(call.acknowledged);
    this.#call = undefined;
    const owed = this.#progress.takeOwedGap();
    if (owed) this.#report(owed);
  }

  /** Responses of one connection; returns its failure, undefined when another one follows. */
  async *#connection(
    call: Call,
    ended: AbortSignal,
  ): AsyncGenerator<readonly Response[], RpcError | undefined> {
    const { channel, filter, options } = this.#request;
    const { transport, clock } = this.#dependencies;
    const signal = AbortSignal.any([ended, call.abort.signal]);
    const request = {
      ...filterFields(filter),
      ...(!options.basic && { options: requestOptions(options, this.#progress.position) }),
    };
    const onOpen = () => {
      call.accepted = true;
      this.#connections++;
      options.onConnection?.({ state: "accepted" });
    };
    const callOptions = { signal, onOpen, maxQueued: READ_AHEAD };
    const responses = transport.stream(CHANNEL_METHODS[channel], request, callOptions);
    const watching = options.basic ? undefined : this.#watch(call);
    try {
      for (;;) {
        call.waitingSince = clock.monotonic();
        const { value, done } = await responses.next();
        call.waitingSince = undefined;
        if (call.isSilent) return silent(call);
        if (done || ended.aborted) break;
        yield value as readonly Response[];
        if (call.isReplaced) return undefined;
      }
      return new RpcError("OK", "the stream ended", { accepted: true });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return error;
    } finally {
      call.abort.abort();
      await responses.return();
      await watching;
    }
  }

  /** Ends a call that has waited too long for a message. */
  async #watch(call: Call): Promise<void> {
    const { clock, transport } = this.#dependencies;
    while (!call.abort.signal.aborted) {
      const now = clock.monotonic();
      const left = (call.waitingSince ?? now) + call.silenceMs - now;
      if (left > 0) {
        await clock.sleep(left, call.abort.signal);
        continue;
      }
      call.isSilent = true;
      transport.renew();
      call.abort.abort();
    }
  }

  /** The message of a response, unless the consumer has it, and what is missing before it. */
  #check(response: Response): { readonly message?: Received<T>; readonly gap?: StreamGap } {
    const call = this.#call;
    if (!call || response.notice?.kind.case === "hello") return {};
    if (!call.greeted) throw new RpcError("FAILED_PRECONDITION", NO_OPTIONS, { accepted: true });
    const found = (response as { readonly [field: string]: unknown })[this.#field];
    if (found === undefined) return this.#checkNotice(response.notice);
    const { meta = NO_META } = response;
    const message = Object.assign(found as T, { meta });
    if (this.#request.options.basic) return { message };
    const owed = this.#progress.takeOwedGap();
    const { isDuplicate, gap = owed } = this.#progress.message(symbolOf(message), meta);
    return { ...(!isDuplicate && { message }), ...(gap && { gap }) };
  }

  #checkNotice(notice: Notice | undefined): { readonly gap?: StreamGap } {
    const { kind } = notice ?? {};
    const isLate = kind?.case === "heartbeat" || kind?.case === "caughtUp";
    const gap = isLate ? this.#progress.takeOwedGap() : undefined;
    if (gap) return { gap };
    const missing = kind?.case === "heartbeat" ? this.#progress.heartbeat(kind.value) : undefined;
    return { ...(missing && { gap: missing }) };
  }

  /** Records a message that the consumer receives, or has received before. */
  #take({ meta }: Response, message: Received<T> | undefined): void {
    if (message !== undefined) this.#received++;
    if (meta === undefined) return;
    if (message === undefined) this.#duplicates++;
    const { sequence, origin } = meta;
    if (message?.$typeName === "cream.v1.OrderUpdate") {
      this.#unprocessed.eventId = (message as unknown as { eventId: string }).eventId;
    }
    if (sequence === 0n || origin === Origin.SNAPSHOT) return;
    this.#unprocessed.last = sequence;
    this.#unprocessed.messages++;
    if (sequence > this.#unprocessed.newest) this.#unprocessed.newest = sequence;
  }

  /** Records that the consumer has processed what it has received. */
  #processed(): void {
    const { newest, last, eventId, messages } = this.#unprocessed;
    if (messages === 0 && eventId === "") return;
    this.#unprocessed = { newest: 0n, last: 0n, eventId: "", messages: 0 };
    this.#progress.processed(newest, eventId);
    const { acknowledged } = this.#call ?? {};
    if (acknowledged && messages > 0) {
      this.#dependencies.acknowledger.processed(acknowledged, last, messages);
    }
  }

  #report(gap: StreamGap): void {
    this.#progress.gap(gap);
    const sum = this.#gaps[gap.reason] ??= { gaps: 0, messages: 0 };
    sum.gaps++;
    sum.messages += gap.count;
    this.#request.options.onGap?.(gap);
  }

  #notice(notice: Notice): void {
    const { onNotice } = this.#request.options;
    const { kind } = notice;
    onNotice?.(notice);
    switch (kind.case) {
      case "hello":
        this.#hello(kind.value);
        break;
      case "gap":
        this.#report(gapOf(kind.value));
        break;
      case "feed":
        this.#changeFreshness(freshnessOf(kind.value));
        break;
      case "heartbeat":
        this.#heartbeat = kind.value;
        break;
      case "caughtUp":
        this.#progress.caughtUp(kind.value);
    }
  }

  #hello(hello: Hello): void {
    const call = this.#call;
    if (!call) return;
    const { options } = this.#request;
    call.greeted = true;
    call.silenceMs = silenceMs(hello, requestedHeartbeat(options));
    const window = hello.options?.maxUnacknowledged ?? 0;
    if (window > 0) call.acknowledged = { id: hello.streamId, window };
    const { isExact, gap } = this.#progress.hello(hello, call.hasSnapshot);
    if (call.isResuming) {
      if (isExact) this.#exactResumes++;
      else this.#inexactResumes++;
    }
    if (call.isResuming && !isExact && options.snapshot) call.isReplaced = true;
    if (gap) this.#report(gap);
    const change = hello.feed && freshnessOf(hello.feed);
    if (change?.freshness !== (this.#freshness ?? "live")) this.#changeFreshness(change);
    else this.#freshness = change?.freshness;
  }

  #changeFreshness(change: FreshnessChange | undefined): void {
    if (change === undefined) return;
    if (change.symbols.length === 0) this.#freshness = change.freshness;
    this.#request.options.onStale?.(change);
  }
}

const NO_OPTIONS = "the proxy does not support stream options: update it, or set the option basic";

function silent({ silenceMs, accepted }: Call): RpcError {
  return new RpcError("UNAVAILABLE", `no message and no heartbeat within ${silenceMs} ms`, {
    accepted,
  });
}
