/**
 * A proxy that a test scripts: a real gRPC server of
 * `cream.v1.StreamProxyService` on a separate port.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import {
  type GetConnectionStatusRequest,
  GetConnectionStatusResponseSchema,
  StreamProxyService,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";

type Call = ServerWritableStream<Message, Message>;

/** How a stream is rejected. */
interface Rejection {
  readonly code: keyof typeof status;
  readonly details: string;
  readonly done: () => void;
}

/** A stream that a client has open. */
interface OpenStream {
  readonly method: DescMethod;
  readonly request: Message;
  readonly call: Call;
}

/** Serves the contract and records the requests. */
export class ScriptedProxy implements AsyncDisposable {
  /** The response of `GetConnectionStatus`. */
  status: MessageInitShape<typeof GetConnectionStatusResponseSchema> = {
    status: { version: "9.9.9" },
  };
  /** Received status requests, oldest first. */
  readonly statusRequests: GetConnectionStatusRequest[] = [];
  readonly port: number;
  readonly #rejections = new Map<DescMethod, Rejection>();
  readonly #server: Server;
  readonly #streams = new Set<OpenStream>();
  readonly #arrivals: (() => void)[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    for (const method of StreamProxyService.methods) this.#serve(method);
  }

  /** Listens on `port`, 0 for one that the system chooses. */
  static async start(port = 0): Promise<ScriptedProxy> {
    const server = new Server();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const proxy = (bound: number) => new ScriptedProxy(server, bound);
    server.bindAsync(
      `127.0.0.1:${port}`,
      ServerCredentials.createInsecure(),
      (error, bound) => error ? reject(error) : resolve(bound),
    );
    return proxy(await promise);
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** How many streams are open. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** The request of the one open stream of `method`, once there is one. */
  async request<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
  ): Promise<MessageShape<I>> {
    while (true) {
      for (const stream of this.#streams) {
        if (stream.method === method) return stream.request as MessageShape<I>;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrivals.push(resolve);
      await promise;
    }
  }

  /** Sends messages to every open stream of `method`, waiting for the first. */
  async send<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    ...messages: MessageInitShape<O>[]
  ): Promise<void> {
    await this.request(method);
    for (const stream of this.#streams) {
      if (stream.method !== method) continue;
      for (const message of messages) {
        stream.call.write(create(method.output, message) as Message);
      }
    }
  }

  /** Rejects the next stream of `method`, before any headers. */
  async refuse(
    method: DescMethodServerStreaming,
    code: keyof typeof status,
    details: string,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#rejections.set(method, { code, details, done: resolve });
    await promise;
  }

  /** Ends every open stream with a status. */
  endStreams(code: keyof typeof status, details: string): void {
    for (const { call } of this.#streams) {
      call.emit("error", { code: status[code], details });
    }
    this.#streams.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #serve(method: DescMethod): void {
    const definition = {
      path: `/${method.parent.typeName}/${method.name}`,
      requestStream: false,
      responseStream: method.methodKind === "server_streaming",
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
      responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
      responseDeserialize: () => undefined,
    };
    this.#server.addService(
      { [method.name]: definition },
      {
        [method.name]: method.methodKind === "server_streaming"
          ? (call: Call) => this.#accept(method, call)
          : (
            call: { readonly request: GetConnectionStatusRequest },
            answer: (error: null, message: Message) => void,
          ) => {
            this.statusRequests.push(call.request);
            answer(
              null,
              create(GetConnectionStatusResponseSchema, this.status),
            );
          },
      },
    );
  }

  #accept(method: DescMethod, call: Call): void {
    const rejection = this.#rejections.get(method);
    if (rejection) {
      this.#rejections.delete(method);
      const { code, details } = rejection;
      call.emit("error", { code: status[code], details });
      rejection.done();
      return;
    }
    const stream = { method, request: call.request, call };
    this.#streams.add(stream);
    call.on("cancelled", () => this.#streams.delete(stream));
    call.sendMetadata(new Metadata());
    for (const arrived of this.#arrivals.splice(0)) arrived();
  }
}
