/**
 * Runs each client against proxies without and with TLS, client certificates and tokens.
 *
 * @module
 */
import { createHash, X509Certificate } from "node:crypto";
import { findProgram } from "../../scripts/delivery/run_program.ts";
import { type Case, CLIENT_OUTCOMES, type Outcome } from "../../scripts/docs/client_outcomes.ts";
import { BrowserPage, findChromium } from "../integration/http/browser.ts";
import { prepareDocumented, serveFolder } from "../integration/web/documented_page.ts";
import type { Harness } from "../support/harness.ts";
import { certificatePath, certificateText, keyPair } from "../support/proxy_certificates.ts";
import { build, missingForGoModules } from "../support/status_probes.ts";
import { until } from "../support/until.ts";
import { CLIENT_PROJECTS } from "./client_projects.ts";
import { type ClientBuilds, type PreparedClient, startClient, TAIL } from "./client_process.ts";
import { type Protection, SecuredProxies, TOKEN, webAddress } from "./secured_proxies.ts";

/** Name of a client. */
export type ClientName = keyof typeof CLIENT_OUTCOMES;

/** What a proxy requires, and what a client presents. */
interface Given {
  readonly protection: Protection;
  /** File of the CA; without one the client does not use TLS. */
  readonly ca?: string;
  /** Whether it has a client certificate. */
  readonly hasCertificate?: true;
  readonly token?: string;
}

const RIGHT_CA = "ca.pem";
const GIVEN: Readonly<Record<Case, Given>> = {
  plaintext: { protection: "none" },
  tls: { protection: "tls", ca: RIGHT_CA },
  mtls: { protection: "certificate", ca: RIGHT_CA, hasCertificate: true },
  token: { protection: "token", ca: RIGHT_CA, token: TOKEN },
  clearToken: { protection: "token without TLS", token: TOKEN },
  wrongToken: { protection: "token", ca: RIGHT_CA, token: "another" },
  noCertificate: { protection: "certificate", ca: RIGHT_CA },
  wrongCa: { protection: "tls", ca: "../ca.pem" },
};

/** A quote of a program or a page, or the state that a probe of health prints. */
const DATA = /^AAPL \d|"bidPrice":|^status: SERVING/m;
const WAIT_MS = 60_000;
/** How long tools try to connect, and where only that time ends them. */
const CONNECT_S = 60;
const TIMEOUT_S = 2;
const TIMEOUT = /deadline|timeout/;

/** What a client has got. */
export interface Observed {
  readonly hasData: boolean;
  /** All that it has printed. */
  readonly text: string;
}

/** Whether a client got what is expected. */
export function isAsExpected({ hasData, text }: Observed, { cell, reports }: Outcome): boolean {
  return cell === "data" ? hasData : !hasData && reports.some((report) => text.includes(report));
}

/** Runs a client until it has what it should get, has ended, or 60 s have passed. */
type Observe = (given: Given, proxy: Harness, expected: Outcome) => Promise<Observed>;

/** A client that is ready to run. */
interface Client {
  /** Origins of the web page that calls. */
  readonly origins?: readonly string[];
  readonly observe: Observe;
}

interface ClientKind {
  readonly missing: () => Promise<string | undefined>;
  readonly prepare: (builds: ClientBuilds, made: AsyncDisposableStack) => Promise<Client>;
}

/** Programs that read the documented variables. */
function program(
  prepare: (builds: ClientBuilds) => Promise<PreparedClient>,
): ClientKind["prepare"] {
  return async (builds) => {
    const prepared = await prepare(builds);
    return {
      observe: (given, { address }, expected) => {
        const url = given.ca === undefined ? address : `https://${address}`;
        return observeProcess(prepared, { url, env: variablesOf(given), expected });
      },
    };
  };
}

function variablesOf({ ca, hasCertificate, token }: Given): Record<string, string> {
  const { cert, key } = keyPair("client");
  return {
    ...ca !== undefined && { STREAM_PROXY_CLIENT_CA: certificateText(ca) },
    ...hasCertificate && {
      STREAM_PROXY_CLIENT_CERT: cert,
      STREAM_PROXY_CLIENT_KEY: key.replaceAll("\n", "\\n"),
    },
    ...token !== undefined && { STREAM_PROXY_TOKEN: token },
  };
}

/** A program in Go that takes files as arguments. */
function tool(
  file: string,
  argumentsFor: (given: Given, address: string, seconds: number) => readonly string[],
): ClientKind {
  return {
    missing: () => missingForGoModules(TOOLS),
    prepare: async (_builds, made) => {
      const folder = await Deno.makeTempDir({ prefix: "client-tools-" });
      made.defer(() => Deno.remove(folder, { recursive: true }));
      await build(["go", "build", "-mod=readonly", "-o", folder, "tool"], { cwd: TOOLS });
      return {
        observe: (given, { address }, expected) => {
          const hasTimeout = expected.reports.some((report) => TIMEOUT.test(report));
          const seconds = hasTimeout ? TIMEOUT_S : CONNECT_S;
          const words = [`${folder}/${file}`, ...argumentsFor(given, address, seconds)];
          const prepared = { name: file, command: { words }, cwd: folder };
          return observeProcess(prepared, { url: address, env: variablesOf(given), expected });
        },
      };
    },
  };
}

const TOOLS = new URL("../clients/tools", import.meta.url).pathname;

const grpcurl = tool("grpcurl", ({ ca, hasCertificate, token }, address, seconds) => [
  ...ca === undefined ? ["-plaintext"] : ["-cacert", certificatePath(ca)],
  ...hasCertificate
    ? ["-cert", certificatePath("client.pem"), "-key", certificatePath("client.key")]
    : [],
  ...token === undefined
    ? []
    : ["-expand-headers", "-H", "authorization: Bearer ${STREAM_PROXY_TOKEN}"],
  ...["-connect-timeout", String(seconds), "-d", '{"symbols":["AAPL"]}', address],
  "cream.v1.StreamProxyService/StreamQuotes",
]);

const healthProbe = tool(
  "grpc-health-probe",
  ({ ca, hasCertificate, token }, address, seconds) => [
    ...ca === undefined ? [] : ["-tls", "-tls-ca-cert", certificatePath(ca)],
    ...hasCertificate
      ? [
        ...["-tls-client-cert", certificatePath("client.pem")],
        ...["-tls-client-key", certificatePath("client.key")],
      ]
      : [],
    ...token === undefined ? [] : ["-rpc-header", `authorization: Bearer ${token}`],
    ...["-connect-timeout", `${seconds}s`, "-rpc-timeout", `${CONNECT_S}s`, "-addr", address],
  ],
);

async function observeProcess(
  client: PreparedClient,
  { url, env, expected }: {
    readonly url: string;
    readonly env: Readonly<Record<string, string>>;
    readonly expected: Outcome;
  },
): Promise<Observed> {
  const command = { ...client.command, env: { ...client.command.env, ...env } };
  await using running = startClient({ ...client, command }, url);
  return await observeText(
    expected,
    () => [...running.lines, running.errors].join("\n"),
    () => running.ended !== undefined,
  );
}

async function observeText(
  expected: Outcome,
  textNow: () => string | Promise<string>,
  isOver: () => boolean,
): Promise<Observed> {
  let text = "";
  await until("the client", async () => {
    const isLast = isOver();
    text = await textNow();
    return isLast || DATA.test(text) || expected.reports.some((report) => text.includes(report));
  }, WAIT_MS).catch(() => {});
  return { hasData: DATA.test(text), text };
}

/** The documented page, by the health port. */
const chromium: ClientKind = {
  missing: () => {
    const program = [findChromium() ?? "Chromium", findProgram("npm") ?? "npm"]
      .find((found) => !found.startsWith("/"));
    return Promise.resolve(program && `no ${program} on this machine`);
  },
  prepare: async (_builds, made) => {
    const folder = await Deno.makeTempDir({ prefix: "secured-page-" });
    made.defer(() => Deno.remove(folder, { recursive: true }));
    await prepareDocumented(folder);
    const { origin } = made.use(serveFolder(folder));
    return {
      origins: [origin],
      observe: (given, proxy, expected) => observePage(given, { origin, proxy, expected }),
    };
  },
};

async function observePage(
  { protection, ca, token }: Given,
  { origin, proxy, expected }: {
    readonly origin: string;
    readonly proxy: Harness;
    readonly expected: Outcome;
  },
): Promise<Observed> {
  // Stands for an installed CA: the certificate of the proxy is accepted by its key.
  const args = ca === RIGHT_CA ? [`--ignore-certificate-errors-spki-list=${keyHash("proxy")}`] : [];
  const options = { width: 800, height: 600, scheme: "light", args } as const;
  await using page = await BrowserPage.open(findChromium() ?? "", options);
  if (token !== undefined) {
    const source = `sessionStorage.setItem("token", ${JSON.stringify(token)})`;
    await page.call("Page.addScriptToEvaluateOnNewDocument", { source });
  }
  const base = webAddress(proxy, protection);
  await page.goTo(`${origin}/index.html?${new URLSearchParams({ proxy: base, symbols: "AAPL" })}`);
  const shown = `[document.querySelector("#state").textContent,
    [...document.querySelectorAll("td")].map((cell) => cell.textContent).join(" ")].join("\\n")`;
  return await observeText(
    expected,
    async () => [await page.evaluate(shown), ...page.complaints].join("\n"),
    () => false,
  );
}

/** SHA-256 of the public key of a certificate, as Chromium takes it. */
function keyHash(name: string): string {
  const { publicKey } = new X509Certificate(keyPair(name).cert);
  const key = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

function documented(language: string): ClientKind {
  const project = CLIENT_PROJECTS.find((one) => one.language === language);
  if (project === undefined) throw new Error(`No documented client in ${language}`);
  return { missing: project.missing, prepare: program((builds) => builds.build(project)) };
}

/** Every client. */
export const SECURED_CLIENTS: Readonly<Record<ClientName, ClientKind>> = {
  TypeScript: documented("TypeScript"),
  Python: documented("Python"),
  Go: documented("Go"),
  Rust: documented("Rust"),
  tail: {
    missing: () => Promise.resolve(undefined),
    prepare: program(() => Promise.resolve(TAIL)),
  },
  grpcurl,
  grpc_health_probe: healthProbe,
  Chromium: chromium,
};

/** What a client got in each case, and why the proxy refused connections. */
export interface ClientRun {
  readonly observed: Readonly<Record<Case, Observed>>;
  /** Log of the proxy that requires client certificates. */
  readonly log: string;
}

/** Runs a client in all cases, with proxies of its own. */
export async function runClient(name: ClientName, builds: ClientBuilds): Promise<ClientRun> {
  await using made = new AsyncDisposableStack();
  const { origins, observe } = await SECURED_CLIENTS[name].prepare(builds, made);
  const proxies = made.use(new SecuredProxies(origins));
  const observed: Partial<Record<Case, Observed>> = {};
  for (const [one, expected] of Object.entries(CLIENT_OUTCOMES[name].outcomes)) {
    const given = GIVEN[one as Case];
    observed[one as Case] = await observe(given, await proxies.get(given.protection), expected);
  }
  const { log } = await proxies.get("certificate");
  return { observed: observed as Record<Case, Observed>, log: JSON.stringify(log.records) };
}
