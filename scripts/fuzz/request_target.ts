/**
 * The requests of clients: bytes to message, message to filter and options.
 *
 * The first byte of an input is the method, the rest the request in protobuf.
 *
 * @module
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import type { StreamFilter } from "../../src/application/streaming/market_streams.ts";
import { MarketCalendar } from "../../src/domain/calendar/market_calendar.ts";
import type { ChannelName } from "../../src/domain/market/channels.ts";
import {
  AcknowledgeRequestSchema,
  StreamOptionQuotesRequestSchema,
  StreamOrderUpdatesRequestSchema,
  StreamQuotesRequestSchema,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { acknowledge } from "../../src/infrastructure/grpc/acknowledge.ts";
import { CallError, toStatus } from "../../src/infrastructure/grpc/call_error.ts";
import {
  DEFAULT_LIMITS,
  optionFilter,
  orderFilter,
  stockFilter,
} from "../../src/infrastructure/grpc/request_filters.ts";
import { readOptions } from "../../src/infrastructure/grpc/request_options.ts";
import { RequestValidator } from "../../src/infrastructure/grpc/request_validator.ts";
import { Code } from "../../src/infrastructure/grpc/status_code.ts";
import type { Random } from "../rig/random.ts";
import { FIXED_CLOCK, same } from "./outcome.ts";
import { DECLINED, type Target } from "./target.ts";

const LIMITS = { ...DEFAULT_LIMITS, maxSymbols: 20, calendar: new MarketCalendar() };
/** Bytes of a status in a header; larger ones are refused by common client libraries. */
const MAX_STATUS_BYTES = 8_192;

/** A method: its request, and what reading it yields. */
interface Method<R extends DescMessage> {
  readonly request: R;
  readonly read: (request: MessageShape<R>) => Accepted;
}

/** An accepted request. */
interface Accepted {
  readonly filter?: StreamFilter;
  /** The same request with the filter's lists, which has to be accepted unchanged. */
  readonly again?: () => Accepted;
}

/** A method whose requests have a filter and options. */
function streamMethod<R extends DescMessage>(
  channel: ChannelName,
  request: R,
  readFilter: (request: MessageShape<R>, validator: RequestValidator) => StreamFilter,
): Method<R> {
  const read = (message: MessageShape<R>): Accepted => {
    const validator = new RequestValidator(LIMITS.maxSymbols);
    const { options } = message as { readonly options?: Parameters<typeof readOptions>[1] };
    readOptions(channel, options, validator);
    const filter = readFilter(message, validator);
    const { symbols, underlyings = [], orderIds = [] } = filter;
    return { filter, again: () => read({ ...message, symbols, underlyings, orderIds }) };
  };
  return { request, read };
}

const METHODS: readonly Method<DescMessage>[] = [
  streamMethod(
    "stockQuotes",
    StreamQuotesRequestSchema,
    (request, validator) => stockFilter(request, LIMITS, FIXED_CLOCK.now(), validator),
  ),
  streamMethod(
    "optionQuotes",
    StreamOptionQuotesRequestSchema,
    (request, validator) => optionFilter(request, LIMITS, FIXED_CLOCK.now(), validator),
  ),
  streamMethod(
    "orderUpdates",
    StreamOrderUpdatesRequestSchema,
    (request, validator) => orderFilter(request, LIMITS, FIXED_CLOCK.now(), validator),
  ),
  {
    request: AcknowledgeRequestSchema,
    read: (message) => {
      const { positions } = message as MessageShape<typeof AcknowledgeRequestSchema>;
      fromBinary(
        AcknowledgeRequestSchema,
        acknowledge({ positions }, { acknowledge: (_, sequence) => sequence >= 0 }),
      );
      return {};
    },
  },
];

/** Texts of a request. */
const TEXTS: readonly string[] = [
  ...["AAPL", "aapl ", "BRK.B", "BRK/B", "SPY260116C00600000", "O:SPY260116C00600000"],
  ...["SPXW  260116P05000000", "SPY260231C00600000", "^SPX", "$SPX", "SPX*", "SPX.OPT", "SPY"],
  ...["*", "", " ", ",", "A,B", "\u0000", "\ud800", "é", "x".repeat(65), "x".repeat(200)],
  ...["2026-10-16", "2026-02-31", "0000-00-00", "9999-12-31", "2026-1-1", "2026-10-16T00:00Z"],
  ...["fill", "partial_fill", "FILL", "__proto__", "constructor", "BTC/USD", "1BRKB", "BRKB1"],
];
const NUMBERS: readonly number[] = [
  ...[0, 1, 2, 5, 19, 20, 21, 45, 100, 101, 1_000, 3_650, 3_651, 10_000, 10_001],
  ...[-1, 2 ** 31 - 1, -(2 ** 31)],
];
const REALS: readonly number[] = [
  ...NUMBERS,
  ...[0.1, 0.25, 0.3, 1e-320, 1e308, -0.5, NaN, Infinity, -Infinity, -0],
];

/** Values that fit a field, by its name; most requests would be refused without them. */
const FITTING: Readonly<Record<string, readonly (string | number)[]>> = {
  symbols: ["AAPL", "SPY270115C00600000", "BRK.B", "SPXW  270115P05000000"],
  underlyings: ["SPY", "SPX", "BRK.B"],
  client_order_id_prefixes: ["desk-", "é"],
  events: ["fill", "partial_fill"],
  expiries: ["2026-10-16", "2027-01-15"],
  expiry_from: ["2026-10-16"],
  expiry_to: ["2027-01-15"],
  roots: ["SPY", "SPXW", "BRKB"],
  min_days: [0, 1],
  max_days: [5, 45],
  strike_window_percent: [0.5, 10],
  max_contracts: [20, 100],
  strikes_each_side: [1, 5],
  max_expiries: [1, 5],
  max_contracts_per_expiry: [2, 20],
  min_strike: [100, 600.5],
  max_strike: [610, 1e6],
  min_abs_delta: [0, 0.25],
  max_abs_delta: [0.5, 1],
  weight: [1, 100],
  max_unacknowledged: [0, 100],
  event_id: ["", "01J8ZQ"],
};

/** The requests of clients. */
export class RequestTarget implements Target {
  readonly name = "request";
  readonly isText = false;
  #signature = "";

  /** A request of each method with no field, and with each field once. */
  readonly examples = (): readonly Uint8Array[] =>
    METHODS.flatMap(({ request }, i) => [
      inputOf(i, create(request), request),
      ...request.fields.map((field) => {
        const message = reflect(request);
        setField(message, field, USUAL);
        return inputOf(i, message.message as MessageShape<DescMessage>, request);
      }),
    ]);

  /** A request of any method, with some of its fields. */
  readonly generate = (random: Random): Uint8Array => {
    const i = random.below(METHODS.length);
    const { request } = METHODS[i] as Method<DescMessage>;
    const message = anyMessage(request, random);
    return inputOf(i, message.message as MessageShape<DescMessage>, request);
  };

  run(input: Uint8Array): string | undefined {
    const method = METHODS[(input[0] ?? 0) % METHODS.length] as Method<DescMessage>;
    let request;
    try {
      request = fromBinary(method.request, input.subarray(1), { readUnknownFields: false });
    } catch {
      // The gRPC library responds to what is not protobuf.
      this.#signature = DECLINED;
      return undefined;
    }
    try {
      const accepted = method.read(request);
      this.#signature = `${method.request.name} ${shapeOf(accepted.filter)}`;
      return flawOf(accepted);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const fields = (error.details.fields ?? []).map(({ field, description }) =>
        `${field.replace(/\d+/g, "")} ${description.replaceAll(/"[^"]*"|[\d.]+/g, "").slice(0, 30)}`
      );
      this.#signature = [method.request.name, error.code, ...new Set(fields)].join(";");
      return refusalFlaw(error);
    }
  }

  signature(): string {
    return this.#signature;
  }
}

/** What is wrong with a refusal; `undefined` when it can be sent and names a field. */
function refusalFlaw(error: CallError): string | undefined {
  if (error.code !== Code.INVALID_ARGUMENT) return `A request has the status ${error.code}`;
  const { fields = [] } = error.details;
  if (fields.length === 0) return "A refusal names no field";
  const { message, details } = toStatus(error);
  const bytes = message.length + (details?.length ?? 0);
  if (bytes > MAX_STATUS_BYTES) return `A refusal has ${bytes} bytes`;
  // deno-lint-ignore no-control-regex -- finding control characters is the point
  return /[\u0000-\u001f\u007f-\u009f]/.test(message)
    ? "A refusal has control characters"
    : undefined;
}

/** What is wrong with an accepted request. */
function flawOf({ filter, again }: Accepted): string | undefined {
  if (filter === undefined || again === undefined) return undefined;
  const { symbols = [], underlyings = [], orderIds = [], selection } = filter;
  for (const list of [symbols, underlyings, orderIds]) {
    if (list.length > LIMITS.maxSymbols) return `A list has ${list.length} entries`;
    if (new Set(list).size !== list.length) return "A list has duplicates";
    const odd = list.find((entry) => !/^[!-~]{1,64}$/.test(entry));
    if (odd !== undefined) return `${JSON.stringify(odd)} was accepted`;
  }
  for (const [name, value] of Object.entries(selection ?? {})) {
    if (typeof value === "number" && !Number.isFinite(value)) return `${name} is ${value}`;
  }
  const { filter: second } = again();
  return same(second, filter) ? undefined : "The filter differs from that of its own lists";
}

function shapeOf(filter: StreamFilter | undefined): string {
  return Object.entries(filter ?? {}).map(([name, value]) =>
    Array.isArray(value) ? `${name} ${Math.min(value.length, 3)}` : name
  ).join(" ");
}

function inputOf(
  method: number,
  message: MessageShape<DescMessage>,
  schema: DescMessage,
): Uint8Array {
  const bytes = toBinary(schema, message);
  const input = new Uint8Array(1 + bytes.length);
  input[0] = method;
  input.set(bytes, 1);
  return input;
}

/** Chooses values; `USUAL` always chooses the first. */
type Choices = Pick<Random, "pick" | "below" | "oneIn">;

const USUAL: Choices = {
  pick: ([first]) => first as never,
  below: () => 0,
  oneIn: () => false,
};

function anyMessage(schema: DescMessage, choices: Choices): ReflectMessage {
  const message = reflect(schema);
  for (const field of schema.fields) {
    if (choices.oneIn(3)) setField(message, field, choices);
  }
  return message;
}

function setField(message: ReflectMessage, field: DescField, choices: Choices): void {
  switch (field.fieldKind) {
    case "message":
      message.set(field, anyMessage(field.message, choices));
      break;
    case "enum":
      message.set(field, choices.below(6));
      break;
    case "scalar":
      message.set(field, anyScalar(field, choices));
      break;
    case "list": {
      const count = choices.oneIn(30) ? 1 + choices.below(120) : 1 + choices.below(3);
      for (let i = 0; i < count; i++) {
        if (field.listKind === "message") {
          message.get(field).add(anyMessage(field.message, choices));
        } else if (field.listKind === "scalar") {
          message.get(field).add(anyScalar(field, choices));
        }
      }
    }
  }
}

function anyScalar(
  { scalar, name }: { readonly scalar: ScalarType; readonly name: string },
  choices: Choices,
): string | boolean | number | bigint {
  const fitting = FITTING[name];
  if (fitting && !choices.oneIn(6)) return choices.pick(fitting);
  switch (scalar) {
    case ScalarType.STRING:
      return choices.pick(TEXTS).toWellFormed();
    case ScalarType.BOOL:
      return !choices.oneIn(2);
    case ScalarType.DOUBLE:
      return choices.pick(REALS);
    case ScalarType.INT64:
    case ScalarType.UINT64: {
      const number = BigInt(choices.pick(NUMBERS));
      return scalar === ScalarType.INT64 ? number : BigInt.asUintN(64, number);
    }
    case ScalarType.UINT32:
      return choices.pick(NUMBERS) >>> 0;
    default:
      return choices.pick(NUMBERS);
  }
}
