import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ALL_SETTINGS } from "../../src/infrastructure/config/settings.ts";
import { keptImports, reachable } from "../../scripts/delivery/image/prune_packages.ts";
import { sealCaches } from "../../scripts/delivery/image/seal_caches.ts";
import { whyUnhealthy } from "../../scripts/delivery/image/healthcheck.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";
import { ROOT } from "../../scripts/delivery/generate.ts";

const dockerfile = Deno.readTextFileSync(new URL("Dockerfile", ROOT));

Deno.test("the image lets the program read every setting and its aliases, by name", () => {
  const list = /--allow-env=([^"]+)/.exec(
    dockerfile.slice(dockerfile.indexOf(">>> command")),
  )?.[1]?.split(",") ?? [];
  for (const { name, aliases } of ALL_SETTINGS) {
    for (const one of [name, ...aliases]) assert.ok(list.includes(one), one);
  }
  assert.ok(!list.includes("*"));
});

Deno.test("the image denies every permission that the program does not need", () => {
  const entry = /^ENTRYPOINT (\[.+\])$/m.exec(dockerfile)?.[1] ?? "[]";
  const words: string[] = JSON.parse(entry);
  for (const what of ["read", "write", "run", "ffi", "sys", "import"]) {
    assert.ok(words.includes(`--deny-${what}`), what);
  }
  assert.doesNotMatch(dockerfile.replaceAll(/^#.*/gm, ""), /--allow-read/);
  assert.ok(words.includes("--cached-only") && words.includes("--no-prompt"));
  assert.ok(!/"(-A|--allow-all)"/.test(dockerfile));
});

Deno.test("the image reads files that are granted by name, and no others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [certificate, other] = [`${folder}/tls.crt`, `${folder}/other`];
    const script = `${folder}/read.ts`;
    for (const file of [certificate, other]) await Deno.writeTextFile(file, "text");
    await Deno.writeTextFile(
      script,
      `for (const file of Deno.args) {
        try { console.log(Deno.readTextFileSync(file)); } catch ({ name }) { console.log(name); }
      }`,
    );
    const words: string[] = JSON.parse(/^ENTRYPOINT (\[.+\])$/m.exec(dockerfile)?.[1] ?? "[]");
    const denials = words.filter((word) => word.startsWith("--deny-"));
    for (
      const [grant, expected] of [
        [`--allow-read=${certificate}`, "text\nNotCapable\nNotCapable\n"],
        ["--allow-read", "NotCapable\nNotCapable\nNotCapable\n"],
        ["--allow-all", "NotCapable\nNotCapable\nNotCapable\n"],
      ] as const
    ) {
      const args = ["run", "--quiet", "--no-prompt", "--no-lock", ...denials, grant, script];
      const files = [certificate, other, "/proc/self/environ"];
      const { stdout } = await runProgram(Deno.execPath(), [...args, ...files]);
      assert.equal(stdout, expected, grant);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the image's bases are build arguments, its user is numeric", () => {
  for (const line of dockerfile.match(/^FROM .+$/gm) ?? []) {
    assert.match(line, /^FROM \$\{(BUILD|RUNTIME)_IMAGE\}/);
  }
  assert.match(dockerfile, /^USER 65532:65532$/m);
});

Deno.test("a package stays in the image when a module imports it, directly or indirectly", () => {
  const npm = (name: string, ...dependencies: string[]) => [
    `${name}@1`,
    { name, version: "1", dependencies },
  ];
  const graph = {
    modules: [{ kind: "esm" }, { kind: "npm", npmPackage: "a@1" }],
    npmPackages: Object.fromEntries([
      npm("a", "b@1"),
      npm("b", "a@1", "c@1"),
      npm("c"),
      npm("only-for-tests", "c@1"),
    ]),
  };
  const keep = reachable(graph);
  assert.deepEqual([...keep].sort(), ["a/1", "b/1", "c/1"]);
  assert.deepEqual(
    keptImports(
      { a: "npm:a@1", "only-for-tests": "npm:only-for-tests@1" },
      keep,
    ),
    { a: "npm:a@1" },
  );
});

Deno.test("the health check distinguishes healthy, unhealthy and stopped proxies", async () => {
  let status = 200;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("NO", { status }),
  );
  const url = `http://127.0.0.1:${server.addr.port}/healthz`;
  assert.equal(await whyUnhealthy(url), undefined);
  status = 503;
  assert.match(await whyUnhealthy(url) ?? "", /answered 503 NO/);
  await server.shutdown();
  assert.match(await whyUnhealthy(url) ?? "", /refused|error/i);
});

Deno.test("a sealed cache has an empty log, is analyzed, and keeps its rows", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/code_cache_v2`;
    const filled = new DatabaseSync(path);
    filled.exec("PRAGMA journal_mode=WAL; CREATE TABLE cache (key TEXT PRIMARY KEY)");
    filled.exec("INSERT INTO cache VALUES ('a')");
    filled.close();
    await Deno.writeTextFile(`${folder}/other`, "not a cache");
    sealCaches(folder);
    for (const log of ["wal", "shm"]) {
      assert.equal((await Deno.stat(`${path}-${log}`)).size, 0, log);
    }
    const sealed = new DatabaseSync(path, { readOnly: true });
    assert.deepEqual(sealed.prepare("SELECT key FROM cache").all().map(({ key }) => key), ["a"]);
    assert.equal(sealed.prepare("SELECT * FROM sqlite_stat1").all().length, 1);
    sealed.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
