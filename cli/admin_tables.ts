/**
 * What `admin` prints for people.
 *
 * @module
 */
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type ConnectionInfo,
  ConnectionKindSchema,
  type LogLevelState,
  type Setting,
  Setting_Source as Source,
  type StreamInfo,
} from "../src/gen/cream/v1/admin_pb.ts";
import { DeliveryPolicySchema } from "../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  type Cell,
  type Colors,
  type Column,
  duration,
  enumName,
  grouped,
  millisecondsOf,
  table,
  timeOfDay,
} from "./text.ts";

/** How a table is written. */
export interface TableOptions {
  readonly colors: Colors;
  /** Wall clock ms. */
  readonly now: number;
  /** Columns of the terminal. */
  readonly room: number;
}

const STREAM_COLUMNS: readonly Column[] = [
  { title: "ID" },
  { title: "IDENTITY" },
  { title: "STREAM" },
  { title: "FILTER" },
  { title: "AGE", right: true },
  { title: "SENT", right: true },
  { title: "QUEUED", right: true },
  { title: "LAG", right: true },
  { title: "LOST", right: true },
  { title: "BYTES", right: true },
  { title: "POLICY" },
  { title: "PEER" },
  { title: "OPTIONS" },
  { title: "CLIENT" },
];

/** Lines of the streams; `total` counts those that are not shown too. */
export function streamLines(
  streams: readonly StreamInfo[],
  total: number,
  options: TableOptions,
): readonly string[] {
  const rows = streams.map((stream): Cell[] => [
    stream.id,
    stream.identity || "-",
    stream.rpc.replace(/^Stream/, ""),
    stream.filter,
    ageOf(stream.openedAt, options.now),
    grouped(stream.sent),
    grouped(stream.queued),
    stream.lag === undefined ? "-" : seconds(durationMs(stream.lag)),
    stream.lost > 0n ? { text: grouped(stream.lost), style: "red" } : "0",
    bytes(stream.bytes),
    enumName(DeliveryPolicySchema, stream.delivery).replaceAll("_", " "),
    stream.peer,
    stream.options.join(",") || "-",
    stream.userAgent,
  ]);
  return [
    ...tableLines(STREAM_COLUMNS, rows, options),
    counted(streams.length, total, "stream"),
  ];
}

const CONNECTION_COLUMNS: readonly Column[] = [
  { title: "ID" },
  { title: "PORT" },
  { title: "PEER" },
  { title: "IDENTITIES" },
  { title: "STREAMS", right: true },
  { title: "AGE", right: true },
  { title: "IDLE", right: true },
  { title: "SENT", right: true },
  { title: "RECEIVED", right: true },
];

/** Lines of the connections. */
export function connectionLines(
  connections: readonly ConnectionInfo[],
  total: number,
  options: TableOptions,
): readonly string[] {
  const rows = connections.map((connection): Cell[] => [
    connection.id,
    enumName(ConnectionKindSchema, connection.kind),
    connection.peer,
    connection.identities.join(", ") || "-",
    grouped(connection.streams),
    ageOf(connection.openedAt, options.now),
    connection.idleSince === undefined ? "-" : ageOf(connection.idleSince, options.now),
    bytes(connection.bytesSent),
    bytes(connection.bytesReceived),
  ]);
  return [
    ...tableLines(CONNECTION_COLUMNS, rows, options),
    counted(connections.length, total, "connection"),
  ];
}

const SETTING_COLUMNS: readonly Column[] = [
  { title: "SETTING" },
  { title: "VALUE" },
  { title: "SOURCE" },
];

/** Lines of the settings: of those that are set, or of all. */
export function settingLines(
  settings: readonly Setting[],
  level: LogLevelState | undefined,
  { all, ...options }: TableOptions & { readonly all: boolean },
): readonly string[] {
  const shown = settings.filter(({ source }) => all || source !== Source.DEFAULT);
  const rows = shown.map(({ name, value, source, variable }): Cell[] => [
    name,
    value,
    source === Source.DEFAULT
      ? { text: "default", style: "dim" }
      : variable === name
      ? "environment"
      : variable,
  ]);
  const others = settings.length - shown.length;
  return [
    ...tableLines(SETTING_COLUMNS, rows, options),
    ...(others > 0 ? [`with defaults: ${others}, shown by --all`] : []),
    ...(level ? [levelLine(level)] : []),
  ];
}

/** The log level in force, and until when. */
export function levelLine({ level, until }: LogLevelState): string {
  const end = until === undefined ? "" : ` until ${timeOfDay(until, 0)} UTC`;
  return `log level: ${level}${end}`;
}

function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { colors, room }: TableOptions,
): readonly string[] {
  if (rows.length === 0) return [];
  const { heading, rows: lines } = table(columns, rows, { colors, room });
  return [heading, ...lines];
}

function counted(shown: number, total: number, noun: string): string {
  const all = `${grouped(total)} ${noun}${total === 1 ? "" : "s"}`;
  return shown === total ? all : `${grouped(shown)} of ${all}`;
}

function ageOf(time: StreamInfo["openedAt"], now: number): string {
  return time === undefined ? "-" : duration(now - millisecondsOf(time));
}

function seconds(milliseconds: number): string {
  return milliseconds < 60_000 ? `${(milliseconds / 1_000).toFixed(1)}s` : duration(milliseconds);
}

/** `512 B`, `84.0 kB`, `1.3 MB`. */
function bytes(count: bigint): string {
  const value = Number(count);
  if (value < 1_000) return `${value} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log10(value) / 3));
  return `${(value / 1_000 ** power).toFixed(1)} ${units[power - 1]}`;
}
