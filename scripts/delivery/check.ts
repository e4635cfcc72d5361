/**
 * Every check of the delivery, one after the other. What this machine lacks the
 * programs for is left out aloud; `CI=true` or `--install` fetches them through
 * apt-get, Go and pip.
 *
 * ```sh
 * deno run -A scripts/delivery/check.ts [--install]
 * ```
 *
 * Each step runs alone, too: `generate.ts check`, `check_chart.ts`,
 * `check_cluster.ts`, `check_image.ts`.
 *
 * @module
 */
import { checkChart } from "./check_chart.ts";
import { checkCluster } from "./check_cluster.ts";
import { checkImage } from "./check_image.ts";

await checkChart();
await checkCluster();
await checkImage();
