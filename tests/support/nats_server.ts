/**
 * A real nats-server with JetStream, as a child process.
 *
 * @module
 */
import { join } from "node:path";
import { ROOT } from "../../scripts/delivery/generate.ts";
import { NATS_USERS, natsPermissions } from "../../scripts/delivery/nats_permissions.ts";
import { freePort } from "../docs/loopback.ts";
import { connect } from "../../src/infrastructure/nats/connect.ts";
import { until } from "./until.ts";

const SYSTEM = { user: "system", password: "system" };
const REQUEST_MS = 5_000;

/** What is read of the connections of a server. */
interface Connections {
  readonly server: { readonly id: string };
  readonly data: {
    readonly connections: readonly { readonly cid: number; readonly name?: string }[];
  };
}

/**
 * Lines of a configuration with the users of docs/cluster/nats.conf, whose passwords are their
 * names. A connection without a user may do everything.
 */
export async function documentedUsers(): Promise<string> {
  const conf = await Deno.readTextFile(new URL("docs/cluster/nats.conf", ROOT));
  const users = NATS_USERS.map((user) => ({
    user,
    password: user,
    permissions: natsPermissions(conf, user),
  }));
  const accounts = {
    SYSTEM: { users: [SYSTEM] },
    PROXY: { jetstream: "enabled", users: [...users, { user: "all", password: "all" }] },
  };
  return `accounts: ${JSON.stringify(accounts)}\nsystem_account: SYSTEM\nno_auth_user: all`;
}

/** A nats-server that keeps its data over restarts. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #child: Deno.ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /**
   * Starts a server.
   *
   * @param config further lines of its configuration, such as users
   */
  static async start(config = ""): Promise<NatsServer> {
    const folder = await Deno.makeTempDir({ prefix: "nats-" });
    const server = new NatsServer(freePort(), folder);
    await server.configure(config);
    await server.run();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Replaces the lines of the configuration; effective when it runs again. */
  async configure(config: string): Promise<void> {
    await Deno.writeTextFile(
      join(this.#folder, "nats.conf"),
      `listen: "127.0.0.1:${this.port}"
jetstream { store_dir: "${this.#folder}/data" }
${config}
`,
    );
  }

  /** A file of the server's folder, to which a configuration can refer. */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.#folder, name);
    await Deno.writeTextFile(path, text);
    return path;
  }

  /** Removes what it has stored; while it does not run. */
  async forget(): Promise<void> {
    await Deno.remove(join(this.#folder, "data"), { recursive: true });
  }

  /** Starts the process again. */
  async run(): Promise<void> {
    this.#child = new Deno.Command("nats-server", {
      args: ["-c", join(this.#folder, "nats.conf")],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("nats-server listens", async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port })
        .catch(() => undefined);
      connection?.close();
      return connection !== undefined;
    });
  }

  /** Closes the connections of clients with a name; with {@linkcode documentedUsers} only. */
  async closeConnections(name: string): Promise<void> {
    const { user, password: pass } = SYSTEM;
    const servers = `127.0.0.1:${this.port}`;
    const connection = await connect({ servers, user, pass, resolve: false });
    const request = (subject: string, fields: Readonly<Record<string, unknown>>) =>
      connection.request(subject, JSON.stringify(fields), { timeout: REQUEST_MS });
    try {
      const reply = await request("$SYS.REQ.SERVER.PING.CONNZ", { limit: 10_000 });
      const { server: { id }, data: { connections } } = reply.json<Connections>();
      for (const each of connections) {
        if (each.name === name) await request(`$SYS.REQ.SERVER.${id}.KICK`, { cid: each.cid });
      }
    } finally {
      await connection.close();
    }
  }

  /** Suspends the process; its sockets stay open. */
  async suspend(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    child.kill("SIGSTOP");
    await until("all threads of nats-server are stopped", async () => {
      for await (const { name } of Deno.readDir(`/proc/${child.pid}/task`)) {
        const stat = await Deno.readTextFile(`/proc/${child.pid}/task/${name}/stat`);
        if (!/\) T /.test(stat)) return false;
      }
      return true;
    });
  }

  /** Continues the process. */
  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Ends the process; `SIGKILL` loses what it has not written. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    if (!this.#child) return;
    this.#child.kill(signal);
    await this.#child.status;
    this.#child = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
    await Deno.remove(this.#folder, { recursive: true });
  }
}
