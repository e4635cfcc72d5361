/**
 * Compares what clients receive from the simulator and through the proxy, message by message: raw
 * clients in every encoding, and the official SDKs that can run here.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { print, runCommand } from "../../../scripts/rig/command_line.ts";
import {
  type Compared,
  compareStreams,
  type Comparison,
  RAW_MARKETS,
  symbolsOf,
  valuesOf,
} from "../../support/differential.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { RawStream, type RawStreamOptions } from "../../support/raw_stream.ts";
import { type MarketKind, type SdkStreamKind, sdkStreams } from "../../support/sdk_streams.ts";
import { startTlsFront } from "../../support/tls_front.ts";
import { untilMarked } from "../../support/twin_streams.ts";

const USAGE = `Usage: deno task websocket:compare [options]

  --messages N        messages of each comparison (1,000,000)
  --only NAME[,NAME]  comparisons whose name contains one of these
  --seed TEXT         seed of the messages (the time of the run)
  --help              this text

Needs a Python with alpaca-py (ALPACA_PY_PYTHON), Go, and Node.js with version 3 of the npm SDK
(ALPACA_JS3); what is missing is named and left out.
`;

const ACCOUNT = { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" } as const;
type Sent = Pick<Comparison, "messages" | "seed" | "onProgress">;

interface Case {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing: string | undefined;
  run(sent: Sent): Promise<Compared>;
}

function start(): Promise<Harness> {
  return startHarness({
    websocket: true,
    env: { STREAM_PROXY_FEEDS: "sip,opra,crypto,news" },
    simulator: { accounts: [ACCOUNT], ledgerCapacity: 0, historyCapacity: 0 },
  });
}

async function compareRaw(
  market: MarketKind,
  options: Omit<RawStreamOptions, "url">,
  sent: Sent,
): Promise<Compared> {
  await using harness = await start();
  const { simulator } = harness;
  const { path, channels } = RAW_MARKETS[market];
  const base = simulator.url.replace("http", "ws");
  await using direct = await RawStream.open({ ...options, url: base + path });
  await using proxied = await RawStream.open({ ...options, url: harness.websocket + path });
  const symbols = symbolsOf(simulator, market);
  for (const stream of [direct, proxied]) {
    await stream.subscribe(Object.fromEntries(channels.map((channel) => [channel, symbols])));
  }
  const normalize = options.encoding === "msgpack" ? { normalize: valuesOf } : {};
  const streams = { simulator, market, direct, proxied, symbols, hasUnknown: true };
  return await compareStreams({ ...streams, ...normalize, ...sent });
}

async function compareSdk(
  kind: SdkStreamKind,
  market: MarketKind,
  sent: Sent,
): Promise<Compared> {
  await using harness = await start();
  const { simulator } = harness;
  await using stack = new AsyncDisposableStack();
  const open = async (server: string) => {
    const port = Number(new URL(server).port);
    const url = kind.needsTls
      ? `wss://localhost:${stack.use(await startTlsFront(port)).port}`
      : `ws://127.0.0.1:${port}`;
    const { key, secret } = ACCOUNT;
    return stack.use(await kind.start({ url, key, secret, kinds: [market] }));
  };
  const direct = await open(simulator.url);
  const proxied = await open(harness.websocket);
  const symbols = symbolsOf(simulator, market);
  const channels = market === "stocks" ? kind.channels : RAW_MARKETS[market].channels;
  for (const program of [direct, proxied]) {
    for (const channel of channels) await program.subscribe(market, channel, symbols);
    await program.connect();
  }
  const mark = symbols.at(-1) ?? "";
  const setup = { simulator, kind, twins: [direct, proxied] };
  await untilMarked(setup, { [market]: { mark, channels } });
  return await compareStreams({
    ...{ simulator, market, direct, proxied, symbols, hasUnknown: true },
    ...sent,
  });
}

async function cases(): Promise<Case[]> {
  const raw = (name: string, market: MarketKind, options: Omit<RawStreamOptions, "url">): Case => ({
    name,
    missing: undefined,
    run: (sent) => compareRaw(market, options, sent),
  });
  const sdks = (await sdkStreams()).flatMap((kind) =>
    (["stocks", "options", "crypto", "news"] as const).map((market): Case => ({
      name: `${kind.name}, ${market}`,
      missing: kind.missing,
      run: (sent) => compareSdk(kind, market, sent),
    }))
  );
  return [
    raw("JSON, stocks", "stocks", { encoding: "json" }),
    raw("JSON with permessage-deflate, stocks", "stocks", { encoding: "json", deflate: true }),
    raw("MessagePack, stocks", "stocks", { encoding: "msgpack" }),
    raw("MessagePack, options", "options", { encoding: "msgpack" }),
    raw("JSON, crypto", "crypto", { encoding: "json" }),
    raw("MessagePack, crypto", "crypto", { encoding: "msgpack" }),
    raw("JSON, news", "news", { encoding: "json" }),
    raw("MessagePack, news", "news", { encoding: "msgpack" }),
    ...sdks,
  ];
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: "string", default: "1000000" },
      only: { type: "string", default: "" },
      seed: { type: "string", default: new Date().toISOString() },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const messages = Number(values.messages);
  if (!Number.isInteger(messages) || messages < 1) {
    throw new Error(`--messages must be a positive number, received "${values.messages}"`);
  }
  return { messages, seed: values.seed, only: values.only.split(",") };
}

async function run(
  { messages, seed, only }: Exclude<ReturnType<typeof parse>, "help">,
): Promise<number> {
  print(`Seed ${seed}`);
  let failed = 0;
  for (const { name, missing, run } of await cases()) {
    if (!only.some((part) => name.includes(part))) continue;
    if (missing !== undefined) {
      print(`${name}: left out: ${missing}`);
      continue;
    }
    const startedAt = performance.now();
    try {
      const compared = await run({ messages, seed });
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      const identical = compared.identical === compared.messages
        ? "all"
        : compared.identical.toLocaleString("en");
      print(
        `${name}: ${compared.messages.toLocaleString("en")} messages equal, ${identical} of ` +
          `them byte by byte; ${seconds} s`,
      );
    } catch (error) {
      failed++;
      print(`${name}: FAILED: ${error instanceof Error ? error.message : error}`);
    }
  }
  return failed === 0 ? 0 : 1;
}

await runCommand({ usage: USAGE, parse, run });
