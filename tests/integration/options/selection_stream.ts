/**
 * A gRPC stream of option quotes that follows the notices of its selection.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import {
  Origin,
  SelectionChange,
  SelectionChangeSchema,
  type StreamProxyService,
  SymbolStateSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { enumName } from "../../../cli/text.ts";
import type { Connected } from "../../support/grpc_client.ts";
import { settle } from "../../support/manual_clock.ts";

type Client = Connected<typeof StreamProxyService>;
type Request = Parameters<Client["streamOptionQuotes"]>[0];

/** Contracts whose quotes the simulator has subscribed. */
export function subscribed(simulator: Simulator): readonly string[] {
  return simulator.sessions()
    .filter(({ endpoint }) => endpoint === "opra")
    .flatMap(({ subscriptions }) => subscriptions.quotes ?? []);
}

/** Sends a quote of each contract. @param bp the bid, USD */
export function emit(simulator: Simulator, symbols: readonly string[], bp: number): void {
  const t = new Date().toISOString();
  simulator.emit(
    "opra",
    symbols.map((symbol) => ({
      ...{ T: "q", S: symbol, bx: "C", bp, bs: 1, ax: "C", ap: bp + 1, as: 1, c: "A", t },
    })),
  );
}

/** A stream that collects quotes and changes of its selection as text, until disposed. */
export class SelectionStream implements AsyncDisposable {
  readonly quotes: string[] = [];
  readonly changes: string[] = [];
  /** Symbols that have entered and not left. */
  readonly selected = new Set<string>();
  readonly #over = new AbortController();
  readonly #reading: Promise<void>;

  constructor(client: Client, request: Request) {
    this.#reading = this.#read(client.streamOptionQuotes(request, { signal: this.#over.signal }));
  }

  async #read(responses: ReturnType<Client["streamOptionQuotes"]>): Promise<void> {
    try {
      for await (const { quote, meta, notice } of responses) {
        const origin = meta?.origin === Origin.SNAPSHOT ? "snapshot " : "";
        if (quote) this.quotes.push(`${origin}${quote.symbol} ${quote.bidPrice}`);
        if (notice?.kind.case !== "subscription") continue;
        const { symbol, state, reason, underlying, selection } = notice.kind.value;
        if (selection === SelectionChange.UNSPECIFIED) continue;
        if (selection === SelectionChange.ENTERED) this.selected.add(symbol);
        if (selection === SelectionChange.LEFT) this.selected.delete(symbol);
        const change = enumName(SelectionChangeSchema, selection);
        this.changes.push(
          `${change} ${symbol} of ${underlying}, ${enumName(SymbolStateSchema, state)}: ${reason}`,
        );
      }
    } catch (error) {
      if (!this.#over.signal.aborted) throw error;
      assert.equal(ConnectError.from(error).code, Code.Canceled);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#reading;
    // The client of connect-node starts a timer when the stream is closed.
    await settle();
  }
}
