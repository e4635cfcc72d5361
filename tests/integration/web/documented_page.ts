/**
 * The documented web page, built and served.
 *
 * @module
 */
import assert from "node:assert/strict";

const ROOT = new URL("../../../", import.meta.url);

/** Runs a command to its end. */
export async function run(
  command: string,
  args: readonly string[],
  cwd = ROOT.pathname,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args], cwd }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** A server of files, on an origin that differs from the proxy's. */
export function serveFolder(folder: string): AsyncDisposable & { readonly origin: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
    try {
      const body = Deno.readFileSync(`${folder}${pathname}`);
      return new Response(body, { headers: { "content-type": type } });
    } catch {
      return new Response(null, { status: pathname === "/favicon.ico" ? 204 : 404 });
    }
  });
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Makes the documented page as its documentation says. */
export async function prepareDocumented(folder: string): Promise<void> {
  const source = new URL("docs/clients/browser/", ROOT);
  for (const file of ["index.html", "page.ts", "package.json"]) {
    await Deno.copyFile(new URL(file, source), `${folder}/${file}`);
  }
  await Deno.mkdir(`${folder}/src`);
  await run("cp", ["-r", new URL("src/gen", ROOT).pathname, `${folder}/src/gen`]);
  await run("npm", ["install"], folder);
  await run(Deno.execPath(), ["check", "-q", "--node-modules-dir=manual", "page.ts"], folder);
  await run("npm", ["run", "build"], folder);
}
