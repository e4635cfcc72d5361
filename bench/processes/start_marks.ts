/**
 * Runs before the entry point of a process whose start is measured (`--preload`), and prints the
 * moments that are not visible from outside.
 *
 * @module
 */
import { markLine } from "../start/marks.ts";

function print(mark: "script" | "modules"): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${markLine(mark)}\n`));
}

/** The program asks for the permission to read its settings as soon as its modules are loaded. */
function markFirstQuery(): void {
  const { permissions } = Deno;
  const { querySync } = permissions;
  permissions.querySync = (query) => {
    permissions.querySync = querySync;
    print("modules");
    return querySync.call(permissions, query);
  };
}

print("script");
markFirstQuery();
