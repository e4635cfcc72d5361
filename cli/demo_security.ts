/**
 * TLS and an access policy of the demo, and what each of its clients gets.
 *
 * @module
 */
import type { DescMessage, DescMethodServerStreaming, MessageInitShape } from "@bufbuild/protobuf";
import type { ProxyAddress } from "../client/address.ts";
import type { Credentials } from "../client/credentials.ts";
import { RpcClient, RpcError } from "../client/rpc_client.ts";
import { StreamProxyService } from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { makePortCertificate } from "./certificate.ts";
import { type Cell, type Colors, table } from "./text.ts";
import { makeToken } from "./token.ts";

/** A client of the demo, and its token. */
interface DemoIdentity {
  readonly name: string;
  readonly token: string;
}

/** What makes a demo secure. */
export interface DemoSecurity {
  /** Settings of the proxy. */
  readonly settings: Readonly<Record<string, string>>;
  /** PEM text that clients trust. */
  readonly ca: string;
  /** May do everything. */
  readonly trader: DemoIdentity;
  /** May stream the market data of {@linkcode granted} only. */
  readonly viewer: DemoIdentity;
  /** Symbols of the viewer. */
  readonly granted: readonly string[];
}

/** Symbols of the viewer. */
const GRANTED = 2;

/** Makes a certificate, two tokens and a policy; nothing of it outlives the process. */
export async function makeDemoSecurity(symbols: readonly string[]): Promise<DemoSecurity> {
  const { ca, cert, key } = await makePortCertificate(["localhost", "127.0.0.1"]);
  const [trader, viewer] = [makeToken(), makeToken()];
  const granted = symbols.slice(0, GRANTED);
  const policy = {
    roles: {
      trader: { orders: true, admin: true },
      viewer: { feeds: ["sip"], symbols: granted, rpcs: ["Stream*", "Acknowledge"] },
    },
    identities: [
      { name: "trader", role: "trader", tokens: [trader.digest] },
      { name: "viewer", role: "viewer", tokens: [viewer.digest] },
    ],
  };
  return {
    ca,
    trader: { name: "trader", token: trader.token },
    viewer: { name: "viewer", token: viewer.token },
    granted,
    settings: {
      STREAM_PROXY_TLS_CERT: cert,
      STREAM_PROXY_TLS_KEY: key,
      // Browsers do not know the CA, so the status page stays without TLS.
      STREAM_PROXY_TLS_PORTS: "grpc",
      STREAM_PROXY_ACCESS: JSON.stringify(policy),
    },
  };
}

/** A call that is tried. */
interface Trial {
  readonly what: string;
  readonly call: (client: RpcClient, signal: AbortSignal) => Promise<void>;
}

/** Longest time of one call, in ms. */
const TRIAL_MS = 5_000;

/** What a client reports that was not connected. */
const NOT_CONNECTED: ReadonlySet<string> = new Set(["CANCELLED", "UNAVAILABLE", "INTERNAL"]);

/** `served`, the status with which the proxy refuses the call, or `no connection`. */
async function outcomeOf(
  { call }: Trial,
  address: ProxyAddress,
  credentials: Credentials,
): Promise<string> {
  const ended = AbortSignal.timeout(TRIAL_MS);
  using client = new RpcClient(address, {}, credentials);
  try {
    await call(client, ended);
    return ended.aborted ? "no answer" : "served";
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return NOT_CONNECTED.has(error.code) ? "no connection" : error.code;
  }
}

/** Opens a stream, and ends it when it is accepted. */
function opening<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
): Trial["call"] {
  return async (client, signal) => {
    const accepted = new AbortController();
    const stream = client.stream(method, request, {
      signal: AbortSignal.any([accepted.signal, signal]),
      onOpen: () => accepted.abort(),
    });
    for await (const _ of stream) break;
  };
}

/** What clients of the demo call: something that the viewer may stream, and what it may not. */
function trials(stocks: readonly string[], { granted }: DemoSecurity): readonly Trial[] {
  const {
    streamQuotes,
    streamOptionQuotes,
    streamOrderUpdates,
    getConnectionStatus,
  } = StreamProxyService.method;
  const quotesOf = (symbols: readonly string[]): Trial => ({
    what: `quotes of ${symbols.join(", ")}`,
    call: opening(streamQuotes, { symbols: [...symbols] }),
  });
  const others = stocks.filter((one) => !granted.includes(one)).slice(0, 1);
  return [
    quotesOf(granted),
    ...others.length > 0 ? [quotesOf(others)] : [],
    { what: "quotes of all stocks", call: opening(streamQuotes, {}) },
    { what: "quotes of options", call: opening(streamOptionQuotes, {}) },
    { what: "order updates", call: opening(streamOrderUpdates, {}) },
    {
      what: "status",
      call: async (client, signal) => void await client.call(getConnectionStatus, {}, signal),
    },
  ];
}

/** Lines that state what each client gets, and how to be one of them. */
export async function securityReport(
  address: ProxyAddress,
  { stocks, colors, ...security }: DemoSecurity & {
    readonly stocks: readonly string[];
    readonly colors: Colors;
  },
): Promise<string[]> {
  const { ca, trader, viewer } = security;
  const tls = { ca };
  const clients: readonly (readonly [string, Credentials])[] = [
    ["NO TOKEN", { tls }],
    [viewer.name, { tls, token: viewer.token }],
    [trader.name, { tls, token: trader.token }],
  ];
  const tried = trials(stocks, security);
  const [first] = tried;
  if (first === undefined) return [];
  const inClearText = await outcomeOf(first, { ...address, tls: false }, { token: trader.token });
  const withoutCa = await outcomeOf(first, address, { token: trader.token });
  const rows = await Promise.all(
    tried.map(async (trial): Promise<Cell[]> => [
      trial.what,
      ...await Promise.all(clients.map(async ([, credentials]) => {
        const text = await outcomeOf(trial, address, credentials);
        return { text, style: text === "served" ? "green" as const : "red" as const };
      })),
    ]),
  );
  const columns = ["CALL", ...clients.map(([title]) => title)].map((title) => ({ title }));
  const { heading, rows: lines } = table(columns, rows, { colors });
  const target = `https://${address.host}:${address.port}`;
  return [
    `gRPC with TLS at ${target}, and an access policy with two identities:`,
    "",
    heading,
    ...lines,
    "",
    `Without TLS: ${inClearText}. Without the CA of the certificate: ${withoutCa}.`,
    "",
    "To be one of them, from another terminal:",
    "",
    `export STREAM_PROXY_CLIENT_CA='${ca.trimEnd().replaceAll("\n", "\\n")}'`,
    `export STREAM_PROXY_TOKEN=${viewer.token}   # ${viewer.name}`,
    `export STREAM_PROXY_TOKEN=${trader.token}   # ${trader.name}`,
    `deno task tail quotes ${security.granted[0]} --address ${target}`,
    `deno task admin list --address ${target}   # ${trader.name} only`,
    "",
    `The status page asks for a password: the token of ${trader.name}.`,
  ];
}
