/**
 * `deno task clients:matrix`: first runs each client against proxies without and
 * with TLS, client certificates and tokens, and prints what it got. Then runs
 * each documented client and `tail`, directly and behind nginx, haproxy and Envoy,
 * through faults with real durations. Prints the seconds until each client printed
 * a new quote. Takes about ten minutes; the paths run at the same time. The
 * argument `tls` runs the first part alone, `faults` the second.
 *
 * @module
 */
import { type Case, CASES, CLIENT_OUTCOMES } from "../../scripts/docs/client_outcomes.ts";
import { table as markdownTable } from "../../scripts/docs/markdown.ts";
import { type BalancerKind, envoy, haproxy, missingBalancer, nginx } from "./balancers.ts";
import { ClientPath, type Recovery } from "./client_path.ts";
import { ClientBuilds, type PreparedClient, TAIL } from "./client_process.ts";
import { type ClientName, isAsExpected, runClient, SECURED_CLIENTS } from "./secured_clients.ts";

const LIMIT_S = 35;
const PAUSE_MS = 100_000;
const DARK_MS = 180_000;

/** One row: what happened, and how each client came back. */
interface Row {
  readonly path: string;
  readonly event: string;
  readonly recovery: Recovery;
}

/** The paths; `undefined` is the direct one. */
const KINDS: readonly (BalancerKind | undefined)[] = [
  undefined,
  nginx("5s"),
  nginx("1h"),
  haproxy("5s"),
  haproxy("1h"),
  envoy("15s"),
  envoy("0s"),
];

const EVENTS: readonly [string, (path: ClientPath) => Promise<Recovery>][] = [
  ["proxy killed", (path) => path.killProxy()],
  ["balancer killed", (path) => path.killBalancer()],
  ["8 s without data", (path) => path.beQuiet(8_000)],
  ["20 s without data", (path) => path.beQuiet(20_000)],
  ["connection broken", (path) => path.breakConnections()],
  ["machine vanished", (path) => path.goDark(0)],
  ["client paused 100 s", (path) => path.pauseClients(PAUSE_MS)],
  ["packets dropped 180 s", (path) => path.goDark(DARK_MS)],
];

async function rowsOf(
  clients: readonly PreparedClient[],
  kind: BalancerKind | undefined,
): Promise<Row[]> {
  const name = kind?.name ?? "direct";
  const rows: Row[] = [];
  await using path = await ClientPath.start(clients, kind);
  for (const [event, run] of EVENTS) {
    if (event === "balancer killed" && !kind) continue;
    rows.push({ path: name, event, recovery: await run(path) });
    log(`${name}: ${event}`);
  }
  return rows;
}

function table(rows: readonly Row[], clients: readonly string[]): string {
  const head = ["path", "event", ...clients];
  const body = rows.map(({ path, event, recovery }) => [
    path,
    event,
    ...clients.map((name) => cell(recovery.get(name))),
  ]);
  return markdownTable(head, body);
}

function cell(state: number | string | undefined): string {
  if (typeof state === "number") return state.toFixed(1);
  return (state ?? "").split("\n")[0] ?? "";
}

/** Prints what each client got; returns how many cells are not as documented. */
async function printSecured(builds: ClientBuilds): Promise<number> {
  const names = Object.keys(CASES) as Case[];
  const rows: string[][] = [];
  let others = 0;
  for (const name of Object.keys(SECURED_CLIENTS) as ClientName[]) {
    const reason = await SECURED_CLIENTS[name].missing();
    if (reason !== undefined) {
      log(`skipped: ${name} with TLS and tokens: ${reason}`);
      continue;
    }
    const { observed } = await runClient(name, builds);
    const { outcomes } = CLIENT_OUTCOMES[name];
    rows.push([
      name,
      ...names.map((one) => {
        if (isAsExpected(observed[one], outcomes[one])) return outcomes[one].cell;
        others++;
        return `not ${outcomes[one].cell}: ${cell(observed[one].text)}`;
      }),
    ]);
    log(`TLS and tokens: ${name}`);
  }
  print(markdownTable(["client", ...Object.values(CASES)], rows));
  print(`\n${others} of ${rows.length * names.length} not as documented\n`);
  return others;
}

/** Prints how each client came back from each fault; returns how many did not in time. */
async function printRecovery(builds: ClientBuilds): Promise<number> {
  const { projects, missing } = await ClientBuilds.available();
  for (const [name, reason] of missing) log(`skipped: ${name}: ${reason}`);
  const built = await Promise.all(projects.map((one) => builds.build(one)));
  const clients = [...built, TAIL];
  const running = KINDS.map(async (kind) => {
    const reason = kind && await missingBalancer(kind);
    if (reason === undefined) return await rowsOf(clients, kind);
    log(`skipped: ${kind?.name}: ${reason}`);
    return [];
  });
  const rows = (await Promise.all(running)).flat();
  print(table(rows, clients.map(({ name }) => name)));
  const late = rows.flatMap(({ recovery }) => [...recovery.values()])
    .filter((state) => typeof state === "string" || state > LIMIT_S);
  print(`\n${late.length} of ${rows.length * clients.length} not in time`);
  return late.length;
}

async function main([part]: readonly string[]): Promise<number> {
  const builds = new ClientBuilds();
  const others = part === "faults" ? 0 : await printSecured(builds);
  const late = part === "tls" ? 0 : await printRecovery(builds);
  return others + late === 0 ? 0 : 1;
}

const encoder = new TextEncoder();

function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

function log(text: string): void {
  Deno.stderr.writeSync(encoder.encode(`${text}\n`));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
