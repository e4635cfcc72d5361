/**
 * Access policies for tests.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Access } from "../../src/application/access/access.ts";
import type { Clock } from "../../src/application/ports/clock.ts";
import type { Log } from "../../src/application/ports/log.ts";
import { createCounters, type ProxyCounters } from "../../src/application/status/counters.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { accessPolicy } from "../../src/infrastructure/config/access_policy.ts";
import { createAccess } from "../../src/infrastructure/access/create_access.ts";
import { RecordingLog } from "./recording_log.ts";

/** The digest of a token, as a policy has it. */
export function digestOf(token: string): string {
  return `sha256:${createHash("sha256").update(token).digest("hex")}`;
}

/** Access by a policy, with what it counts and logs. */
interface TestAccess extends Disposable {
  readonly access: Access;
  readonly counters: ProxyCounters;
}

/** Makes the access of a policy; disposing ends its requests for keys. */
export async function accessOf(
  policy: unknown,
  deps: { readonly clock?: Clock; readonly log?: Log } = {},
): Promise<TestAccess> {
  const parsed = accessPolicy.parse(JSON.stringify(policy));
  if (!("value" in parsed)) throw new Error(JSON.stringify(parsed));
  const counters = createCounters();
  const stopping = new AbortController();
  const { clock = systemClock, log = new RecordingLog() } = deps;
  const options = { counters, clock, log, signal: stopping.signal };
  return {
    access: await createAccess(parsed.value, options),
    counters,
    [Symbol.dispose]: () => stopping.abort(),
  };
}
