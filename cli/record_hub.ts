/**
 * Records what a hub sends over NATS: from now on, or from what it retains.
 *
 * @module
 */
import { DeliverPolicy, jetstream, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Log } from "../src/application/ports/log.ts";
import { type FeedId, FEEDS } from "../src/domain/connection/feed.ts";
import type { Config } from "../src/infrastructure/config/config.ts";
import { hubSubjects } from "../src/infrastructure/nats/hub_protocol.ts";
import { messageOf, NatsClient } from "../src/infrastructure/nats/nats_client.ts";
import { frameStream, natsAccess } from "../src/composition/nats.ts";
import type { RecordOrigin } from "./record_arguments.ts";
import type { Terminal } from "./terminal.ts";

/** The recording cannot begin or continue; the text is for the user. */
export class CannotRecord extends Error {
  override readonly name = "CannotRecord";
}

/** Takes a batch. */
export type BatchSink = (feed: FeedId, batch: Uint8Array) => void;

/** How often a reader of retained frames checks whether it is done. */
const CHECK_MS = 250;

/** Records until the signal of the terminal fires, or the time in `until`. */
export async function recordHub(
  config: Config,
  origin: Extract<RecordOrigin, { type: "hub" }>,
  { sink, terminal }: { readonly sink: BatchSink; readonly terminal: Terminal },
): Promise<void> {
  const access = natsAccess(config, "record");
  if (!access) throw new CannotRecord("STREAM_PROXY_NATS_URL is not set");
  const { clock, signal } = terminal;
  const log = terminalLog(terminal);
  await using client = new NatsClient({ name: "alpaca-stream-proxy-record", access, clock, log });
  let connection: NatsConnection;
  try {
    connection = await client.connection(signal);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  const subjects = origin.feeds.map(hubSubjects(config.nats.prefix).feed);
  const { since, until } = origin;
  terminal.writeError(`Recording ${subjects.join(", ")} of ${connection.getServer()}`);
  if (since === undefined) return await recordLive(connection, { subjects, sink, signal });
  const stream = frameStream(config);
  await recordRetained(connection, { stream, subjects, since, until, sink, terminal });
}

async function recordLive(
  connection: NatsConnection,
  { subjects, sink, signal }: {
    readonly subjects: readonly string[];
    readonly sink: BatchSink;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const over = Promise.withResolvers<void>();
  const stop = () => over.resolve();
  signal.addEventListener("abort", stop, { once: true });
  const subscriptions = subjects.map((subject) =>
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (error) over.reject(new CannotRecord(`NATS refuses ${subject}: ${error.message}`));
        else deliver(message, sink);
      },
    })
  );
  try {
    if (!signal.aborted) await over.promise;
  } finally {
    signal.removeEventListener("abort", stop);
    for (const subscription of subscriptions) subscription.unsubscribe();
  }
}

async function recordRetained(
  connection: NatsConnection,
  { stream, subjects, since, until = Infinity, sink, terminal }: {
    readonly stream: string;
    readonly subjects: readonly string[];
    readonly since: number;
    readonly until: number | undefined;
    readonly sink: BatchSink;
    readonly terminal: Terminal;
  },
): Promise<void> {
  const { clock, signal } = terminal;
  try {
    const { consumers } = jetstream(connection);
    const consumer = await consumers.get(stream, {
      filter_subjects: [...subjects],
      deliver_policy: DeliverPolicy.StartTime,
      opt_start_time: new Date(since).toISOString(),
    });
    let { num_pending: pending } = await consumer.info();
    const messages = await consumer.consume({ max_messages: 500 });
    const done = new AbortController();
    const stop = async () => {
      // What is stored up to `until` was read as soon as nothing is pending afterwards.
      while (!signal.aborted && !done.signal.aborted) {
        if (pending === 0 && clock.now() > until) break;
        await clock.sleep(CHECK_MS, AbortSignal.any([signal, done.signal]));
      }
      messages.stop();
    };
    const stopped = stop();
    for await (const message of messages) {
      if (message.time.getTime() > until) break;
      deliver(message, sink);
      pending = message.info.pending;
    }
    done.abort();
    await stopped;
    await messages.close();
    // NATS would remove it after five minutes.
    await consumer.delete().catch(() => {});
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) {
      throw new CannotRecord(
        `NATS has no stream ${stream}: set STREAM_PROXY_NATS_RETAIN_MB of the hub, ` +
          "or record without --since",
      );
    }
    throw new CannotRecord(`Cannot read ${stream}: ${messageOf(error)}`);
  }
}

function deliver(
  { subject, data }: { readonly subject: string; readonly data: Uint8Array },
  sink: BatchSink,
): void {
  const name = subject.slice(subject.lastIndexOf(".") + 1);
  const feed = FEEDS.find((id) => id === name);
  if (feed) sink(feed, data);
}

/** Writes warnings and errors as lines of the command. */
function terminalLog(terminal: Terminal): Log {
  const write = (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    const { cause, remedy } = fields;
    const details = [cause, remedy].filter((text) => text !== undefined).join(". ");
    terminal.writeError(`record: ${message}${details === "" ? "" : `: ${details}`}`);
  };
  const log: Log = { debug() {}, info() {}, warn: write, error: write, with: () => log };
  return log;
}
