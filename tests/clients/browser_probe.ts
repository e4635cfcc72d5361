/**
 * Calls of a web page, for tests: the functions are those of `globalThis.probe`.
 *
 * @module
 */
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { BadRequestSchema } from "../../src/gen/google/rpc/error_details_pb.ts";

/** How a page calls. */
interface ProbeOptions {
  readonly baseUrl: string;
  readonly protocol: "connect" | "grpc-web";
  readonly useBinaryFormat: boolean;
  readonly token?: string;
}

function connect({ token, protocol, ...options }: ProbeOptions): Client<typeof StreamProxyService> {
  const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  const transport = create({
    ...options,
    interceptors: [(next) => (request) => {
      if (token) request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    }],
  });
  return createClient(StreamProxyService, transport);
}

/** What an error shows to a page. */
function describe(error: unknown) {
  const { code, rawMessage, ...rest } = ConnectError.from(error);
  const [detail] = ConnectError.from(error).findDetails(BadRequestSchema);
  const fields = detail?.fieldViolations.map(({ field }) => field);
  return { code, message: rawMessage, fields: fields ?? rest.details.length };
}

/** Streams quotes until there are `count` messages or an error. */
async function quotes(options: ProbeOptions, symbols: readonly string[], count: number) {
  const leave = new AbortController();
  const messages: (string | number | undefined)[][] = [];
  try {
    const request = { symbols: [...symbols], options: { meta: true, notices: true } };
    for await (const { quote, meta, notice } of connect(options).streamQuotes(request, leave)) {
      messages.push([notice?.kind.case ?? quote?.symbol, quote?.bidPrice, Number(meta?.sequence)]);
      if (messages.length === count) break;
    }
    leave.abort();
    return { messages };
  } catch (error) {
    return { messages, error: describe(error) };
  }
}

/** The version of the proxy, or an error. */
async function status(options: ProbeOptions) {
  try {
    const { status } = await connect(options).getConnectionStatus({});
    return { version: status?.version };
  } catch (error) {
    return { error: describe(error) };
  }
}

Object.assign(globalThis, { probe: { quotes, status } });
