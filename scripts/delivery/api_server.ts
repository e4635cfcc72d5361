/**
 * A real Kubernetes API server and its store, without nodes or controllers:
 * enough to hear what Kubernetes says of every object.
 *
 * The server is built from its Go module where it is not found, which takes
 * some minutes once.
 *
 * @module
 */
import { join } from "node:path";
import { say } from "./say.ts";
import { findTool, mayInstall, run, toolFolder } from "./tools.ts";

/** The Kubernetes that is built. */
export const VERSION = "1.36.3";

/** A running API server. */
export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  /** Path of a kubeconfig that may do everything. */
  readonly kubeconfig: string;
  /** Creates an object; throws with the server's words when it is refused. */
  create(path: string, object: unknown): Promise<void>;
}

/**
 * The path of kube-apiserver; undefined when it is not here and may not come, or
 * cannot.
 */
export async function findApiServer(): Promise<string | undefined> {
  const found = await findTool("kube-apiserver");
  if (found !== undefined || !mayInstall()) return found;
  const go = await findTool("go");
  if (go === undefined) return undefined;
  say(`building kube-apiserver ${VERSION}; this takes minutes, once`);
  try {
    return await build(go);
  } catch (error) {
    say(`cannot build it: ${(error as Error).message.trim()}`);
    return undefined;
  }
}

async function build(go: string): Promise<string> {
  const { stdout } = await run(go, [
    ...["mod", "download", "-json", `k8s.io/kubernetes@v${VERSION}`],
  ], { cwd: "/tmp", seconds: 300 });
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  const source = await Deno.makeTempDir({ prefix: "asp-kubernetes-" });
  try {
    await run("cp", ["-r", `${Dir}/.`, source]);
    await run("chmod", ["-R", "u+w", source]);
    await useReleasedStaging(source);
    const binary = join(toolFolder(), "bin/kube-apiserver");
    const versions = [
      `gitVersion=v${VERSION}`,
      `gitMajor=${VERSION.split(".")[0]}`,
      `gitMinor=${VERSION.split(".")[1]}`,
    ].map((one) => `-X k8s.io/component-base/version.${one}`);
    await run(go, [
      ...["build", "-mod=mod", "-trimpath", "-o", binary],
      ...["-ldflags", `-s -w ${versions.join(" ")}`, "./cmd/kube-apiserver"],
    ], { cwd: source, env: { GOWORK: "off" }, seconds: 900 });
    return binary;
  } finally {
    await run("rm", ["-rf", source]);
  }
}

/** The module names its parts by folders that it does not carry. */
async function useReleasedStaging(source: string): Promise<void> {
  const path = join(source, "go.mod");
  const parts = VERSION.replace(/^1\./, "v0.");
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(
    path,
    text.replaceAll(
      /=> \.\/staging\/src\/(k8s\.io\/[a-z-]+)/g,
      (_, module) => `=> ${module} ${parts}`,
    ),
  );
  await run("rm", ["-f", join(source, "go.work"), join(source, "go.work.sum")]);
}

/** Starts a store and a server in a folder of their own. */
export async function startApiServer(
  programs: { readonly etcd: string; readonly server: string },
): Promise<ApiServer> {
  const stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "asp-cluster-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const store = "http://127.0.0.1:42379";
  const url = "https://127.0.0.1:46443";
  const peer = "http://127.0.0.1:42380";
  spawn(stack, folder, [
    ...[programs.etcd, "--data-dir", join(folder, "etcd")],
    ...["--listen-client-urls", store, "--advertise-client-urls", store],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", `default=${peer}`, "--unsafe-no-fsync"],
  ]);
  const { authority, certificate, key } = await makeCertificate(folder);
  spawn(stack, folder, [
    ...[programs.server, "--etcd-servers", store, "--secure-port", "46443"],
    ...["--bind-address", "127.0.0.1", "--tls-cert-file", certificate],
    ...["--tls-private-key-file", key, "--service-account-key-file", key],
    ...["--service-account-signing-key-file", key],
    ...["--service-account-issuer", url, "--authorization-mode", "AlwaysAllow"],
    ...["--service-cluster-ip-range", "10.96.0.0/16"],
    ...["--token-auth-file", await tokenFile(folder)],
    // Nobody here makes the token controller's ServiceAccounts.
    ...["--disable-admission-plugins", "ServiceAccount"],
  ]);
  const client = Deno.createHttpClient({
    caCerts: [await Deno.readTextFile(authority)],
  });
  stack.defer(() => client.close());
  await untilReady(url, client);
  return {
    url,
    kubeconfig: await kubeconfig(folder, { url, authority }),
    create: (path, object) => create({ url: url + path, client }, object),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const TOKEN = "only-for-this-check";

function spawn(
  stack: AsyncDisposableStack,
  folder: string,
  [program = "", ...args]: readonly string[],
): void {
  const child = new Deno.Command(program, {
    args,
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    child.kill("SIGKILL");
    await child.status;
  });
}

/** An authority of its own, as rustls takes none for a server. */
async function makeCertificate(folder: string) {
  const at = (name: string) => join(folder, name);
  const newKey = ["-newkey", "rsa:2048", "-nodes"];
  await run("openssl", [
    ...["req", "-x509", ...newKey, "-days", "1", "-subj", "/CN=check"],
    ...["-keyout", at("ca.key"), "-out", at("ca.crt")],
  ]);
  await run("openssl", [
    ...["req", ...newKey, "-subj", "/CN=127.0.0.1"],
    ...["-keyout", at("server.key"), "-out", at("server.csr")],
  ]);
  await Deno.writeTextFile(at("names"), "subjectAltName=IP:127.0.0.1\n");
  await run("openssl", [
    ...["x509", "-req", "-days", "1", "-in", at("server.csr")],
    ...["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial"],
    ...["-extfile", at("names"), "-out", at("server.crt")],
  ]);
  return {
    authority: at("ca.crt"),
    certificate: at("server.crt"),
    key: at("server.key"),
  };
}

async function tokenFile(folder: string): Promise<string> {
  const path = join(folder, "tokens.csv");
  await Deno.writeTextFile(path, `${TOKEN},check,1,system:masters\n`);
  return path;
}

async function kubeconfig(
  folder: string,
  { url, authority }: { url: string; authority: string },
): Promise<string> {
  const path = join(folder, "kubeconfig");
  const named = { name: "check" };
  await Deno.writeTextFile(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "check",
      clusters: [{
        ...named,
        cluster: { server: url, "certificate-authority": authority },
      }],
      users: [{ ...named, user: { token: TOKEN } }],
      contexts: [{ ...named, context: { cluster: "check", user: "check" } }],
    }),
  );
  return path;
}

async function untilReady(url: string, client: Deno.HttpClient): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      const response = await fetch(`${url}/readyz`, {
        client,
        ...authorized(),
      });
      const text = await response.text();
      if (response.ok) return;
      if (performance.now() > end) throw new Error(text);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function authorized() {
  return {
    headers: {
      "authorization": `Bearer ${TOKEN}`,
      "content-type": "application/json",
    },
  };
}

async function create(
  { url, client }: { url: string; client: Deno.HttpClient },
  object: unknown,
): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    client,
    ...authorized(),
    body: JSON.stringify(object),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${text}`);
}
