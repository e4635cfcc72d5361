/**
 * Fetches what the checks of the delivery need and this machine lacks, so that
 * the checks themselves need no network but npm's registry. What cannot be had
 * is told of; the checks leave out aloud what wants it.
 *
 * ```sh
 * deno run -A scripts/delivery/fetch.ts
 * ```
 *
 * @module
 */
import { findApiServer } from "./api_server.ts";
import { findSchemas } from "./schemas.ts";
import { findTool, TOOLS } from "./tools.ts";

Deno.env.set("CI", "true");
for (const name of TOOLS) await findTool(name);
await findSchemas();
await findApiServer();
