/**
 * How far behind the documented clients fall when they read 50 messages a second of a stream with
 * thousands.
 *
 * `deno task clients:slow` prints, for each client with the default options of its library and
 * with the documented ones, the messages that it has received and not read, and the age of what
 * it reads. Takes about eight minutes; names of languages as arguments select some clients.
 *
 * @module
 */
import { startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import type { ClientProject } from "./client_projects.ts";
import { ClientBuilds, type PreparedClient, startClient } from "./client_process.ts";

/** Quotes and trades per second of all stocks; every client streams one stock. */
const MESSAGES_PER_SECOND = 5_000;
const PAUSE_MS = 20;
const SCRAPE_MS = 100;
/** What the task runs: 50 s. */
const LONG_RUN: Run = { capacity: 2_000, quotes: 250_000 };

type Edit = readonly [from: RegExp | string, to: string];

/** How an example becomes a slow reader that prints the time of each quote. */
interface Edits {
  readonly file: string;
  readonly slow: readonly Edit[];
  /** Removes the options of the receive window. */
  readonly defaults: readonly Edit[];
}

const EDITS: Readonly<Record<string, Edits>> = {
  Python: {
    file: "client.py",
    slow: [
      [
        /print\(quote\.symbol.*\)/,
        `print(quote.timestamp.ToMilliseconds(), flush=True); time.sleep(${PAUSE_MS / 1000})`,
      ],
      ['["AAPL", "MSFT"]', '["AAPL"]'],
    ],
    defaults: [[/.*(bdp_probe|lookahead_bytes).*\n/g, ""]],
  },
  Go: {
    file: "main.go",
    slow: [
      [
        /fmt\.Println\(quote.*\)/,
        `fmt.Println(quote.GetTimestamp().AsTime().UnixMilli()); ` +
        `time.Sleep(${PAUSE_MS} * time.Millisecond)`,
      ],
      ['{"AAPL", "MSFT"}', '{"AAPL"}'],
    ],
    defaults: [[/.*WithStaticStreamWindowSize.*\n/g, ""]],
  },
  Rust: {
    file: "src/main.rs",
    slow: [
      [
        /println!\("\{\} \{\} x.*\);/,
        "let at = quote.timestamp.unwrap_or_default(); " +
        'println!("{}", at.seconds * 1000 + i64::from(at.nanos) / 1_000_000); ' +
        `sleep(Duration::from_millis(${PAUSE_MS})).await;`,
      ],
      [', "MSFT".into()', ""],
    ],
    defaults: [[/.*initial_stream_window_size.*\n/g, ""]],
  },
  TypeScript: {
    file: "client.ts",
    slow: [
      [
        /console\.log\(`\$\{quote\.symbol\}.*\);/,
        "const at = quote.timestamp; " +
        "console.log(Number(at?.seconds) * 1000 + Number(at?.nanos) / 1e6); " +
        `await new Promise((done) => setTimeout(done, ${PAUSE_MS}));`,
      ],
      ['["AAPL", "MSFT"]', '["AAPL"]'],
    ],
    // The window is in the library.
    defaults: [],
  },
};

/** Makes a documented client read slowly. */
export function slowReader(
  project: ClientProject,
  options: { readonly hasDefaults: boolean },
): ClientProject {
  const edits = EDITS[project.language];
  if (!edits) throw new Error(`No edits for ${project.language}`);
  return {
    ...project,
    prepare: async (folder) => {
      const path = `${folder}/${edits.file}`;
      let text = await Deno.readTextFile(path);
      for (const [from, to] of [...edits.slow, ...(options.hasDefaults ? edits.defaults : [])]) {
        const edited = text.replace(from, to);
        if (edited === text) throw new Error(`${edits.file} has no ${from}`);
        text = edited;
      }
      await Deno.writeTextFile(path, text);
      return await project.prepare(folder);
    },
  };
}

/** How far behind a client is. */
export interface Lag {
  /** Messages that the proxy has sent and the client has not read. */
  readonly messages: number;
  /** Age of what the client has read last, in ms. */
  readonly ageMs: number;
}

/** How a slow reader is measured. */
export interface Run {
  /**
   * Capacity of the client's queue. One write has at most as many messages: they count as sent
   * although the client has not received them, and a proxy that was not scheduled for a moment
   * makes such a write.
   */
  readonly capacity: number;
  /** Quotes that the stream gets, sent and dropped ones, until its lag is taken. */
  readonly quotes: number;
}

/** Runs a slow reader against a proxy of its own. */
export async function lagOf(client: PreparedClient, run: Run): Promise<Lag> {
  await using harness = await startHarness({
    simulator: { messagesPerSecond: MESSAGES_PER_SECOND },
    env: { STREAM_PROXY_STOCK_QUOTES_CAPACITY: String(run.capacity) },
  });
  await using running = startClient(client, harness.address);
  await until(`the first quote of ${client.name}`, () => {
    if (running.ended !== undefined) throw new Error(running.ended);
    return running.lines.length > 0;
  }, 60_000);
  let sent = 0;
  await until(`${run.quotes} quotes for ${client.name}`, async () => {
    if (running.ended !== undefined) throw new Error(running.ended);
    await new Promise((resolve) => setTimeout(resolve, SCRAPE_MS));
    const metrics = await (await fetch(`${harness.health}/metrics`)).text();
    sent = stockQuotes(metrics, "sent");
    return sent + stockQuotes(metrics, "dropped") >= run.quotes;
  }, 120_000);
  const read = running.lines.length;
  return { messages: sent - read, ageMs: Date.now() - Number(running.lines.at(-1)) };
}

/** Value of a counter of the proxy's metrics for stock quotes. */
function stockQuotes(metrics: string, what: "sent" | "dropped"): number {
  const line = `^alpaca_proxy_messages_${what}_total\\{[^}]*stock_quote[^}]*\\} (\\d+)`;
  return Number(new RegExp(line, "m").exec(metrics)?.[1]);
}

async function main(languages: readonly string[]): Promise<void> {
  const { projects, missing } = await ClientBuilds.available();
  for (const [language, reason] of missing) print(`skipped: ${language}: ${reason}`);
  const builds = new ClientBuilds();
  print("| Client | Options | Messages behind | Age |");
  print("| ------ | ------- | --------------- | --- |");
  for (const project of projects) {
    if (languages.length > 0 && !languages.includes(project.language)) continue;
    for (const hasDefaults of [true, false]) {
      const client = await builds.build(slowReader(project, { hasDefaults }));
      const { messages, ageMs } = await lagOf(client, LONG_RUN);
      const options = hasDefaults ? "defaults" : "documented";
      const age = `${(ageMs / 1000).toFixed(1)} s`;
      print(`| ${project.language} | ${options} | ${messages} | ${age} |`);
    }
  }
}

const encoder = new TextEncoder();

function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

if (import.meta.main) await main(Deno.args);
