/**
 * Prints a stream: its messages, its notices, and why it has none.
 *
 * @module
 */
import { create, toJsonString } from "@bufbuild/protobuf";
import { addressText } from "../client/address.ts";
import { CHANNEL_METHODS, messageField } from "../client/channels.ts";
import type {
  AnyMessage,
  ConnectionChange,
  FreshnessChange,
  Notice,
  Received,
  StreamGap,
  StreamOptions,
} from "../client/mod.ts";
import { describeFailure } from "./describe_failure.ts";
import { reportNoAnswer, reportNoData } from "./explain_no_data.ts";
import { messageLine, type TimeFormat } from "./message_lines.ts";
import { exactText, gapText, metaText, noticeLine } from "./notice_lines.ts";
import { shownMessage, type StreamKind } from "./streams.ts";
import type { StreamTask } from "./tail_arguments.ts";
import { endingWith, type Terminal } from "./terminal.ts";
import { type Colors, crop } from "./text.ts";

/** Most lines in one write. */
const MAX_LINES = 100;

/** Columns from which on the nanoseconds of a quote fit. */
const NANOSECONDS_FROM = 100;

/** The times of messages as they fit the terminal. */
export function timeFormat({ clock, columns }: Terminal): TimeFormat & { readonly digits: 3 | 9 } {
  return { digits: columns() < NANOSECONDS_FROM ? 3 : 9, now: clock.now() };
}

/** Options of a {@linkcode StreamOutput}. */
interface StreamOutputOptions {
  readonly task: StreamTask;
  readonly kind: StreamKind;
  readonly terminal: Terminal;
  readonly colors: Colors;
}

/** The output of one stream; disposing ends the stream. */
export class StreamOutput implements AsyncDisposable {
  readonly #options: StreamOutputOptions;
  readonly #ended = new AbortController();
  /** Fires when the proxy accepts the stream. */
  #accepted = new AbortController();
  /** Fires when the connection is lost. */
  #lost = new AbortController();
  readonly #reports: Promise<void>[] = [];
  #received = { messages: 0 };
  /** Lines of notices that are not written yet. */
  #lines: string[] = [];
  #writing = Promise.resolve();
  #left: number;
  #isAgain = false;

  constructor(options: StreamOutputOptions) {
    this.#options = options;
    this.#left = options.task.count ?? Infinity;
  }

  /** Fires when the output is closed or the user ends the command. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#ended.signal, this.#options.terminal.signal]);
  }

  /** The handlers of the stream. */
  handlers(): StreamOptions {
    return {
      onConnection: (change) => this.#connection(change),
      onNotice: (notice) => this.#notice(notice),
      onGap: (gap) => this.#gap(gap),
      onStale: (change) => this.#stale(change),
    };
  }

  /** Writes messages; resolves to whether more are to be printed. */
  async print(batch: readonly Received<AnyMessage>[]): Promise<boolean> {
    const { terminal } = this.#options;
    this.#received.messages += batch.length;
    // In slices, so that the age is that at the time of writing.
    for (let at = 0; at < batch.length && this.#left > 0; at += MAX_LINES) {
      const time = timeFormat(terminal);
      const lines = batch.slice(at, at + MAX_LINES)
        .map((message) => this.#lineOf(message, time))
        .filter((line) => line !== undefined)
        .slice(0, this.#left);
      this.#left -= lines.length;
      this.#lines.push(...lines);
      await this.flush();
    }
    return this.#left > 0;
  }

  #lineOf(message: Received<AnyMessage>, time: TimeFormat): string | undefined {
    const { task, kind, colors, terminal } = this.#options;
    const { meta } = message;
    if (task.json) {
      const { output } = CHANNEL_METHODS[kind.name];
      const response = { [messageField(kind.name)]: message, ...(task.options?.meta && { meta }) };
      return toJsonString(output, create(output, response));
    }
    const shown = shownMessage(message);
    if (shown === undefined) return undefined;
    const line = messageLine(shown, colors, time);
    if (!task.options?.meta) return crop(line, terminal.columns());
    const before = colors("dim", metaText(meta, terminal.clock.now()));
    return crop([before, line, exactText(meta)].join("  ").trimEnd(), terminal.columns());
  }

  #connection(change: ConnectionChange): void {
    const { task, kind, terminal } = this.#options;
    const { address } = task;
    const untilEnd = endingWith(this.#ended.signal, terminal);
    switch (change.state) {
      case "connecting":
        this.#accepted = new AbortController();
        this.#lost = new AbortController();
        this.#reports.push(reportNoAnswer(task, this.#until(this.#accepted.signal)));
        return;
      case "accepted": {
        if (this.#isAgain) terminal.writeError(`tail: connected to ${addressText(address)}`);
        this.#isAgain = false;
        this.#accepted.abort();
        const received = this.#received = { messages: 0 };
        const until = this.#until(this.#lost.signal);
        this.#reports.push(reportNoData({ task, kind, received }, until));
        return;
      }
      case "lost": {
        this.#accepted.abort();
        this.#lost.abort();
        if (untilEnd.signal.aborted) return;
        const { error, retryInMs } = change;
        const reason = describeFailure(error, { address, opened: error.accepted });
        const delay = (retryInMs / 1000).toFixed(1);
        terminal.writeError(`tail: ${reason}; next attempt in ${delay} s`);
        this.#isAgain = true;
      }
    }
  }

  #until(signal: AbortSignal): Terminal {
    return endingWith(AbortSignal.any([signal, this.#ended.signal]), this.#options.terminal);
  }

  #notice(notice: Notice): void {
    const { task, kind, colors, terminal } = this.#options;
    if (!task.options?.notices || this.#ended.signal.aborted) return;
    if (task.json) {
      const { output } = CHANNEL_METHODS[kind.name];
      this.#write(toJsonString(output, create(output, { notice })));
      return;
    }
    const line = noticeLine(notice, { colors, digits: timeFormat(terminal).digits });
    if (line !== undefined) this.#write(crop(line, terminal.columns()));
  }

  #gap(gap: StreamGap): void {
    const { task, colors, terminal } = this.#options;
    // The gap of a notice is in its JSON; one that this client found is not.
    if (!task.options?.notices || task.json) terminal.writeError(`tail: ${gapText(gap)}`);
    else this.#write(crop(colors("red", gapText(gap)), terminal.columns()));
  }

  #stale({ freshness, symbols, reason }: FreshnessChange): void {
    const { task, terminal } = this.#options;
    if (task.options?.notices) return;
    const whose = symbols.length > 0 ? symbols.join(", ") : "the feed";
    terminal.writeError(`tail: ${whose}: ${freshness}${reason ? ` (${reason})` : ""}`);
  }

  /** Adds a line; a closed output ends the stream. */
  #write(line: string): void {
    this.#lines.push(line);
    this.flush().catch(() => this.#ended.abort());
  }

  /** Writes what is not written yet; rejects when the output is closed. */
  flush(): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      const lines = this.#lines;
      this.#lines = [];
      if (lines.length > 0) await this.#options.terminal.write(`${lines.join("\n")}\n`);
    });
  }

  /** Ends the stream. */
  end(): void {
    this.#ended.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await Promise.all(this.#reports);
    // Its error was thrown before.
    await this.#writing.catch(() => {});
  }
}
