/**
 * The services over HTTP/1.1, with a market in memory, and clients of both protocols.
 *
 * @module
 */
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { serveHttp } from "../../src/infrastructure/http/serve_http.ts";
import { type GrpcHarness, type GrpcHarnessOptions, startGrpcHarness } from "./grpc_client.ts";
import { httpDependencies } from "./http_dependencies.ts";

/** How the HTTP port is served. */
export interface WebHarnessOptions extends GrpcHarnessOptions {
  readonly origins?: readonly string[];
  readonly allowedHosts?: readonly string[];
  readonly maxHttpConnections?: number;
  readonly maxHttpConnectionsPerAddress?: number;
  readonly idleMs?: number;
}

/** A gRPC server and an HTTP port with the same services. */
export interface WebHarness extends GrpcHarness {
  readonly webPort: number;
  /** `http://127.0.0.1:port` of the HTTP port. */
  readonly webUrl: string;
}

/** Starts both servers. */
export async function startWebHarness(options: WebHarnessOptions = {}): Promise<WebHarness> {
  const {
    origins = [],
    allowedHosts,
    idleMs,
    maxHttpConnections = 256,
    maxHttpConnectionsPerAddress = 0,
    ...grpc
  } = options;
  await using made = new AsyncDisposableStack();
  const harness = made.use(await startGrpcHarness(grpc));
  const http = await serveHttp({
    ...httpDependencies({ maxHttp: maxHttpConnections }),
    health: { host: "127.0.0.1", port: 0 },
    metrics: { host: "127.0.0.1", port: 0 },
    feeds: new Set(["sip", "opra", "trading"]),
    status: () => harness.status,
    renderMetrics: () => Promise.resolve(""),
    onError: (cause) => {
      throw cause;
    },
    rpc: await harness.server.webEndpoint({
      origins,
      maxHttpConnections,
      maxHttpConnectionsPerAddress,
    }),
    ...(allowedHosts && { allowedHosts }),
    ...(idleMs && { idleMs }),
  });
  const kept = made.move();
  return Object.assign(harness, {
    webPort: http.healthPort,
    webUrl: `http://127.0.0.1:${http.healthPort}`,
    [Symbol.asyncDispose]: async () => {
      await kept.disposeAsync();
      await http[Symbol.asyncDispose]();
    },
  });
}

/** Every protocol and encoding, by name. */
export const WEB_PROTOCOLS = ["connect", "connect json", "grpc-web", "grpc-web json"] as const;

/** A client of a protocol, over HTTP/1.1. */
export function webClient<S extends DescService>(
  { webUrl }: Pick<WebHarness, "webUrl">,
  protocol: typeof WEB_PROTOCOLS[number],
  service: S,
  interceptors: Interceptor[] = [],
): Client<S> {
  const options = {
    baseUrl: webUrl,
    httpVersion: "1.1",
    useBinaryFormat: !protocol.endsWith("json"),
    nodeOptions: { agent: false },
    interceptors,
  } as const;
  const transport: Transport = protocol.startsWith("connect")
    ? createConnectTransport(options)
    : createGrpcWebTransport(options);
  return createClient(service, transport);
}
