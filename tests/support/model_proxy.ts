/**
 * A small model of the proxy's stream contract: sequences, resume, gaps,
 * heartbeats, acknowledged delivery. A client reads it directly, as a transport,
 * or over gRPC with {@linkcode serveModel}.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  create,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import type { ProxyClient } from "../../client/client.ts";
import { RpcError } from "../../client/rpc_client.ts";
import {
  type AcknowledgeRequest,
  AcknowledgeRequestSchema,
  DeliveryPolicy,
  Freshness,
  GapReason,
  type NoticeSchema,
  Origin,
  type StreamOptions,
  StreamOptionsSchema,
  StreamProxyService,
  type StreamQuotesRequest,
  StreamQuotesRequestSchema,
  StreamQuotesResponseSchema,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";

type Response = MessageInitShape<typeof StreamQuotesResponseSchema>;
type Kind = NonNullable<MessageInitShape<typeof NoticeSchema>["kind"]>;

/** A published quote; its bid is its sequence. */
export interface ModelQuote {
  readonly epoch: string;
  readonly symbol: string;
  readonly sequence: number;
  readonly symbolSequence: number;
}

/** What one stream of the model does next. */
interface Queued {
  readonly quote: ModelQuote;
  readonly origin: Origin;
}

/** One open stream. */
export class ModelStream {
  readonly id: string;
  readonly options: StreamOptions;
  readonly symbols: readonly string[];
  #queue: Queued[] = [];
  #ready: Response[] = [];
  #wake = Promise.withResolvers<void>();
  #failure: RpcError | undefined;
  #isEnded = false;
  #delivered = 0;
  #conflated = 0;
  #lost = 0;
  /** Sequences that were sent and not acknowledged. */
  readonly unacknowledged: number[] = [];

  constructor(id: string, request: StreamQuotesRequest, options: StreamOptions) {
    this.id = id;
    this.options = options;
    this.symbols = request.symbols;
  }

  /** Whether the client has left, or the model has ended it. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Messages that wait for `deliver`. */
  get queued(): number {
    return this.#queue.length;
  }

  matches(quote: ModelQuote): boolean {
    return this.symbols.length === 0 || this.symbols.includes(quote.symbol);
  }

  enqueue(quote: ModelQuote, origin: Origin = Origin.LIVE): void {
    if (this.options.delivery === DeliveryPolicy.LATEST && origin === Origin.LIVE) {
      const older = this.#queue.findIndex((one) => one.quote.symbol === quote.symbol);
      if (older >= 0) {
        this.#queue[older] = { quote, origin };
        this.#conflated++;
        return;
      }
    }
    this.#queue.push({ quote, origin });
  }

  /** Sends up to `count` of what is queued, within the acknowledged window. */
  deliver(count = Infinity): void {
    const window = this.options.maxUnacknowledged || Infinity;
    for (let i = 0; i < count && this.#queue.length > 0; i++) {
      const isSnapshot = this.#queue[0]?.origin === Origin.SNAPSHOT;
      if (!isSnapshot && this.unacknowledged.length >= window) break;
      this.#send(this.#queue.shift()!);
    }
  }

  /** Drops the oldest `count` queued messages and reports them, or does not. */
  lose(count: number, { isReported = true } = {}): readonly ModelQuote[] {
    const live = this.#queue.filter(({ origin }) => origin === Origin.LIVE);
    const lost = live.slice(0, count).map(({ quote }) => quote);
    if (lost.length === 0 || this.#queue[0]?.origin !== Origin.LIVE) return [];
    this.#queue = this.#queue.slice(lost.length);
    if (!isReported) this.#delivered += lost.length;
    else {
      this.#lost += lost.length;
      this.notice({ case: "gap", value: gapOf(GapReason.SLOW_CLIENT, lost) });
    }
    return lost;
  }

  notice(kind: Kind): void {
    this.#push({ notice: { kind } });
  }

  /** Sends totals; with queued messages the position before them. */
  heartbeat(sequence: number): void {
    const oldest = this.#queue[0]?.quote.sequence;
    const [delivered, conflated, lost] = [this.#delivered, this.#conflated, this.#lost];
    const value = {
      sequence: BigInt(oldest === undefined ? sequence : oldest - 1),
      published: BigInt(delivered + conflated + lost),
      delivered: BigInt(delivered),
      conflated: BigInt(conflated),
      lost: BigInt(lost),
    };
    this.notice({ case: "heartbeat", value });
  }

  acknowledge(sequence: number): void {
    const at = this.unacknowledged.lastIndexOf(sequence);
    this.unacknowledged.splice(0, at + 1);
    this.deliver();
  }

  /** Ends the stream; what was sent before is still received unless `isCut`. */
  end(code: string, details: string, { isCut = false } = {}): void {
    if (isCut) this.#ready = [];
    this.#failure = new RpcError(code, details, { accepted: true });
    this.#isEnded = true;
    this.#wake.resolve();
  }

  /** What the client receives. */
  async *responses(signal: AbortSignal | undefined): AsyncGenerator<Response[], void> {
    const leave = () => {
      this.#isEnded = true;
      this.#wake.resolve();
    };
    signal?.addEventListener("abort", leave);
    try {
      while (!signal?.aborted) {
        const batch = this.#ready;
        this.#ready = [];
        if (batch.length > 0) {
          yield batch;
          continue;
        }
        if (this.#failure) throw this.#failure;
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    } finally {
      this.#isEnded = true;
      signal?.removeEventListener("abort", leave);
    }
  }

  #send({ quote, origin }: Queued): void {
    const { symbol, sequence, symbolSequence } = quote;
    if (origin !== Origin.SNAPSHOT) this.unacknowledged.push(sequence);
    if (origin === Origin.LIVE) this.#delivered++;
    this.#push({
      quote: { symbol, bidPrice: sequence },
      meta: { sequence: BigInt(sequence), symbolSequence: BigInt(symbolSequence), origin },
    });
  }

  #push(response: Response): void {
    if (this.#isEnded) return;
    this.#ready.push(response);
    this.#wake.resolve();
  }
}

function gapOf(reason: GapReason, lost: readonly ModelQuote[]) {
  return {
    reason,
    count: BigInt(lost.length),
    firstSequence: BigInt(lost[0]?.sequence ?? 0),
    lastSequence: BigInt(lost.at(-1)?.sequence ?? 0),
    symbols: [...new Set(lost.map(({ symbol }) => symbol))],
  };
}

/** The model: one channel of quotes. */
export class ModelProxy {
  /** Everything that was published, of all epochs. */
  readonly published: ModelQuote[] = [];
  /** Every stream that was opened, oldest first. */
  readonly streams: ModelStream[] = [];
  /** Requests of the streams. */
  readonly requests: StreamQuotesRequest[] = [];
  readonly acknowledgements: AcknowledgeRequest[] = [];
  /** Messages that a resume can reach. */
  retained = Infinity;
  /** Called once when a stream opens; its error rejects the stream. */
  onOpen: ((stream: ModelStream) => void) | undefined;
  /** The feed of hello. */
  freshness: Freshness = Freshness.LIVE;
  /** Ignores options, as a proxy before they existed. */
  isOld = false;
  /** Omits the gap after a resume that is not exact. */
  hidesGaps = false;
  /** How often the client asked for a new connection. */
  renewals = 0;
  #epoch = 1;
  #sequence = 0;
  readonly #symbolSequences = new Map<string, number>();

  get epoch(): string {
    return `epoch-${this.#epoch}`;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** The open stream. */
  get stream(): ModelStream | undefined {
    return this.streams.findLast(({ isEnded }) => !isEnded);
  }

  publish(symbol: string): ModelQuote {
    const symbolSequence = (this.#symbolSequences.get(symbol) ?? 0) + 1;
    this.#symbolSequences.set(symbol, symbolSequence);
    const quote = { epoch: this.epoch, symbol, sequence: ++this.#sequence, symbolSequence };
    this.published.push(quote);
    for (const stream of this.streams) {
      if (!stream.isEnded && stream.matches(quote)) stream.enqueue(quote);
    }
    return quote;
  }

  /** Starts sequences again, as a new process. */
  restart(): void {
    this.#epoch++;
    this.#sequence = 0;
    this.#symbolSequences.clear();
    for (const stream of this.streams) {
      if (!stream.isEnded) stream.end("UNAVAILABLE", "restarted", { isCut: true });
    }
  }

  /** The transport of a client in the same process. */
  get transport(): Transport {
    const transport = {
      stream: (
        _method: unknown,
        request: object,
        { signal, onOpen }: { readonly signal?: AbortSignal; readonly onOpen?: () => void } = {},
      ) => this.open(create(StreamQuotesRequestSchema, request), signal, onOpen),
      call: (_method: unknown, request: object) => {
        this.acknowledge(create(AcknowledgeRequestSchema, request));
        return Promise.resolve({});
      },
      renew: () => void this.renewals++,
      [Symbol.dispose]() {},
    };
    return transport as unknown as Transport;
  }

  /** Records an acknowledgement and sends what it permits. */
  acknowledge(request: AcknowledgeRequest): void {
    this.acknowledgements.push(request);
    for (const { streamId, sequence } of request.positions) {
      this.streams.find(({ id }) => id === streamId)?.acknowledge(Number(sequence));
    }
  }

  /** Opens a stream; `onOpen` is called when it is accepted. */
  async *open(
    request: StreamQuotesRequest,
    signal: AbortSignal | undefined,
    onOpen?: () => void,
  ): AsyncGenerator<readonly Message[], void> {
    this.requests.push(request);
    const options = request.options ?? create(StreamOptionsSchema);
    const stream = new ModelStream(`stream-${this.streams.length + 1}`, request, options);
    this.onOpen?.(stream);
    this.streams.push(stream);
    onOpen?.();
    if (!this.isOld && request.options?.notices) this.#greet(stream);
    for await (const batch of stream.responses(signal)) {
      yield batch.map((response) => create(StreamQuotesResponseSchema, response));
    }
  }

  #greet(stream: ModelStream): void {
    const { resume, snapshot } = stream.options;
    const own = this.published.filter((one) => one.epoch === this.epoch && stream.matches(one));
    const missed = own.filter(({ sequence }) => sequence > Number(resume?.sequence ?? 0));
    const isReachable = Number(resume?.sequence ?? 0) >= this.#sequence - this.retained;
    const resumed = resume !== undefined && resume.epoch === this.epoch && isReachable;
    stream.notice({
      case: "hello",
      value: {
        epoch: this.epoch,
        sequence: BigInt(this.#sequence),
        options: stream.options,
        resumed,
        streamId: stream.id,
        feed: { freshness: this.freshness },
      },
    });
    let count = 0;
    if (resumed) {
      for (const quote of latestOf(missed, stream)) {
        stream.enqueue(quote, Origin.REPLAY);
        count++;
      }
      stream.deliver();
    } else if (resume && !this.hidesGaps) {
      const isKnown = resume.epoch === this.epoch;
      const gap = gapOf(GapReason.NOT_RETAINED, isKnown ? missed : []);
      if (missed.length > 0 || !isKnown) stream.notice({ case: "gap", value: gap });
      else stream.notice({ case: "gap", value: { ...gap, count: 0n } });
    }
    if (snapshot) {
      const last = new Map(own.map((quote) => [quote.symbol, quote]));
      for (const quote of last.values()) stream.enqueue(quote, Origin.SNAPSHOT);
      count = last.size;
      stream.deliver();
    }
    if (snapshot || resume) {
      const value = { sequence: BigInt(this.#sequence), count: BigInt(count) };
      stream.notice({ case: "caughtUp", value });
    }
  }
}

type Transport = NonNullable<
  NonNullable<ConstructorParameters<typeof ProxyClient>[1]>["transport"]
>;

/** All missed messages, or with LATEST the last one of each symbol. */
function latestOf(missed: readonly ModelQuote[], { options }: ModelStream): readonly ModelQuote[] {
  if (options.delivery !== DeliveryPolicy.LATEST) return missed;
  return [...new Map(missed.map((quote) => [quote.symbol, quote])).values()];
}

/** Serves a model over gRPC on a port of the loopback. */
export async function serveModel(
  model: ModelProxy,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const server = new Server();
  for (const method of [StreamProxyService.method.streamQuotes] as const) {
    const definition = definitionOf(method);
    server.addService(definition, {
      [method.name]: (call: ServerWritableStream<StreamQuotesRequest, Message>) => {
        call.sendMetadata(new Metadata());
        void pipe(model, call);
      },
    });
  }
  const acknowledge = StreamProxyService.method.acknowledge;
  server.addService(definitionOf(acknowledge), {
    [acknowledge.name]: (
      call: { readonly request: AcknowledgeRequest },
      answer: (error: null, message: Message) => void,
    ) => {
      model.acknowledge(call.request);
      answer(null, create(acknowledge.output) as Message);
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(
    "127.0.0.1:0",
    ServerCredentials.createInsecure(),
    (error, port) => error ? reject(error) : resolve(port),
  );
  const port = await promise;
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]() {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

async function pipe(
  model: ModelProxy,
  call: ServerWritableStream<StreamQuotesRequest, Message>,
): Promise<void> {
  const left = new AbortController();
  call.on("cancelled", () => left.abort());
  try {
    const responses = model.open(call.request, left.signal);
    for await (const batch of responses) for (const one of batch) call.write(one);
    call.end();
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const code = status[error.code as keyof typeof status];
    call.emit("error", { code, details: error.details });
  }
}

function definitionOf(method: DescMethod) {
  return {
    [method.name]: {
      path: `/${method.parent.typeName}/${method.name}`,
      requestStream: false,
      responseStream: method.methodKind === "server_streaming",
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
      responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
      responseDeserialize: () => undefined,
    },
  };
}
