/**
 * `deno task admin`: lists and ends streams, drains a proxy, and more, over its gRPC port.
 *
 * @module
 */
import { type DescMessage, type MessageShape, toJsonString } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { addressText, type ProxyAddress } from "../client/address.ts";
import { RpcClient, RpcError } from "../client/rpc_client.ts";
import {
  AdminService,
  CloseConnectionResponseSchema,
  ConnectionInfoSchema,
  DrainRequest_Action as DrainAction,
  DrainResponseSchema,
  EndStreamResponseSchema,
  GetSettingsResponseSchema,
  ReconnectFeedResponseSchema,
  SetLogLevelResponseSchema,
  StreamInfoSchema,
} from "../src/gen/cream/v1/admin_pb.ts";
import {
  ADMIN_HELP,
  type AdminAction,
  type AdminTask,
  parseAdminArguments,
} from "./admin_arguments.ts";
import { connectionLines, levelLine, settingLines, streamLines } from "./admin_tables.ts";
import { credentialsOf } from "./credentials.ts";
import { describeFailure } from "./describe_failure.ts";
import { UsageError } from "./flags.ts";
import { EXIT, runCommand, type Terminal } from "./terminal.ts";
import { chooseColors } from "./text.ts";

const { method } = AdminService;

/** Entries of one request. */
const PAGE = 1_000;
/** Most entries that are listed. */
const MAX_LISTED = 10_000;

/**
 * Runs `admin` and returns its exit code: 0 when the proxy has done it, 1 when it is not reachable
 * or refuses, 2 when the arguments are invalid.
 */
export async function admin(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const task = parseAdminArguments(args, terminal.env);
    if (task === "help") {
      await terminal.write(ADMIN_HELP);
      return EXIT.ok;
    }
    return await run(task, terminal);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    if (!(error instanceof UsageError)) throw error;
    terminal.writeError(`${error.message}\nSee: deno task admin --help`);
    return EXIT.usage;
  }
}

async function run(task: AdminTask, terminal: Terminal): Promise<number> {
  const { address, action } = task;
  const token = await readToken(task, terminal);
  if (!address.tls && !isLoopback(address)) {
    terminal.writeError(
      `admin: the token is sent to ${addressText(address)} unencrypted; use https:// with TLS`,
    );
  }
  using client = new RpcClient(address, {}, { ...credentialsOf(terminal.env), token });
  try {
    const answer = await perform(client, action, terminal);
    const lines = task.json ? answer.json : answer.lines;
    await terminal.write(lines.map((line) => `${line}\n`).join(""));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    terminal.writeError(`admin: ${failureText(error, address)}`);
    return EXIT.failed;
  }
}

/** @throws {UsageError} when there is none */
async function readToken({ tokenFromStdin }: AdminTask, terminal: Terminal): Promise<string> {
  const token = tokenFromStdin ? await terminal.readLine?.() : terminal.env["STREAM_PROXY_TOKEN"];
  if (token?.trim()) return token.trim();
  throw new UsageError(
    "an empty token",
    "set STREAM_PROXY_TOKEN to the token of an identity with admin, or pass it with --token-stdin",
  );
}

function isLoopback({ host }: ProxyAddress): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);
}

/** What a command prints. */
interface Answer {
  /** For people. */
  readonly lines: readonly string[];
  readonly json: readonly string[];
}

async function perform(
  client: Pick<RpcClient, "call">,
  action: AdminAction,
  { clock, columns, isTerminal, env, signal }: Terminal,
): Promise<Answer> {
  const options = {
    colors: chooseColors(isTerminal, env),
    now: clock.now(),
    room: columns(),
  };
  switch (action.type) {
    case "list": {
      const { identity } = action;
      const { entries, total } = await collect(async (pageToken) => {
        const request = { pageSize: PAGE, pageToken, identity };
        const page = await client.call(method.listStreams, request, signal);
        return { ...page, entries: page.streams };
      });
      const shown = identity === "" ? total : entries.length;
      return {
        lines: streamLines(entries, shown, options),
        json: entries.map((entry) => toJsonString(StreamInfoSchema, entry)),
      };
    }
    case "connections": {
      const { entries, total } = await collect(async (pageToken) => {
        const page = await client.call(
          method.listConnections,
          { pageSize: PAGE, pageToken },
          signal,
        );
        return { ...page, entries: page.connections };
      });
      return {
        lines: connectionLines(entries, total, options),
        json: entries.map((entry) => toJsonString(ConnectionInfoSchema, entry)),
      };
    }
    case "end": {
      const { id, reason } = action;
      const response = await client.call(method.endStream, { id, reason }, signal);
      return answer(EndStreamResponseSchema, response, `stream ${id} ends`);
    }
    case "close": {
      const { id, reason } = action;
      const response = await client.call(method.closeConnection, { id, reason }, signal);
      const text = `connection ${id} closes with ${count(response.streams, "stream")}`;
      return answer(CloseConnectionResponseSchema, response, text);
    }
    case "drain":
    case "undrain": {
      const request = action.type === "drain"
        ? {
          action: DrainAction.BEGIN,
          reason: action.reason,
          endStreams: action.endStreams,
        }
        : { action: DrainAction.UNDO };
      const response = await client.call(method.drain, request, signal);
      const state = response.draining
        ? "the proxy is not ready and refuses new streams"
        : "the proxy accepts new streams";
      const ends = action.type === "drain" && action.endStreams ? "; the open ones are ended" : "";
      const text = `${state}; ${count(response.streams, "stream")} open${ends}`;
      return answer(DrainResponseSchema, response, text);
    }
    case "reconnect": {
      const { feed } = action;
      const response = await client.call(method.reconnectFeed, { feed }, signal);
      const text = `the session of ${feed} is replaced; see: deno task tail status`;
      return answer(ReconnectFeedResponseSchema, response, text);
    }
    case "settings": {
      const response = await client.call(method.getSettings, {}, signal);
      const { settings, logLevel } = response;
      return {
        lines: settingLines(settings, logLevel, { ...options, all: action.all }),
        json: [toJsonString(GetSettingsResponseSchema, response)],
      };
    }
    case "log-level": {
      const { level, seconds } = action;
      const duration = seconds === undefined ? {} : { duration: durationFromMs(seconds * 1_000) };
      const { logLevel } = level === undefined
        ? await client.call(method.getSettings, {}, signal)
        : await client.call(method.setLogLevel, { level, ...duration }, signal);
      const text = logLevel ? levelLine(logLevel) : "the log of this proxy has no level";
      const response = { $typeName: SetLogLevelResponseSchema.typeName, logLevel };
      return answer(SetLogLevelResponseSchema, response, text);
    }
  }
}

function answer<S extends DescMessage>(
  schema: S,
  response: MessageShape<S>,
  line: string,
): Answer {
  return { lines: [line], json: [toJsonString(schema, response)] };
}

/** Requests pages until the last one. */
async function collect<T>(
  request: (pageToken: string) => Promise<{
    readonly entries: readonly T[];
    readonly nextPageToken: string;
    readonly total: number;
  }>,
): Promise<{ readonly entries: readonly T[]; readonly total: number }> {
  const all: T[] = [];
  for (let token = "";;) {
    const { entries, nextPageToken, total } = await request(token);
    all.push(...entries);
    token = nextPageToken;
    if (token === "" || all.length >= MAX_LISTED) return { entries: all, total };
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** What the operator can do about a failed call. */
function failureText(error: RpcError, address: ProxyAddress): string {
  const where = addressText(address);
  switch (error.code) {
    case "UNIMPLEMENTED":
      return `the proxy at ${where} offers no administration: it runs without ` +
        "STREAM_PROXY_ACCESS, or it is older";
    case "UNAUTHENTICATED":
      return `the proxy at ${where} does not accept the token: ${error.details}`;
    case "NOT_FOUND":
    case "FAILED_PRECONDITION":
    case "PERMISSION_DENIED":
    case "RESOURCE_EXHAUSTED":
      return error.details;
    case "INVALID_ARGUMENT":
      return error.violations.join("; ") || error.details;
    default:
      return describeFailure(error, { address, opened: false });
  }
}

if (import.meta.main) {
  await runCommand((terminal) => admin(Deno.args, terminal));
}
