/**
 * Prepares the caches of Deno 2.9.6 for a root that is read-only, while the image is built.
 *
 * They are SQLite databases with a write-ahead log. Without write permission such a database opens
 * only if the files of the log exist; and Deno runs `PRAGMA optimize` first, which fails in one
 * that has to be analyzed. A cache that cannot be opened is replaced by an empty one without a
 * message: each start would parse all modules again, which takes 1.7 times the CPU time and 45 MiB
 * more.
 *
 * ```sh
 * DENO_DIR=/another/folder deno run -A seal_caches.ts /out/deno-dir
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Empties the log of each cache in a folder and analyzes its tables. */
export function sealCaches(folder: string): void {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  for (const name of names.filter((name) => /_cache_v\d+$/.test(name))) {
    const path = join(folder, name);
    const cache = new DatabaseSync(path);
    cache.exec("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);");
    cache.close();
    for (const log of ["wal", "shm"]) Deno.writeFileSync(`${path}-${log}`, new Uint8Array());
  }
}

if (import.meta.main) sealCaches(Deno.args[0] ?? Deno.exit(2));
