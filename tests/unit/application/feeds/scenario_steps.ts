/**
 * What can happen in a subscription scenario.
 *
 * @module
 */
import type { PlanLimit } from "../../../../src/domain/subscription/quota.ts";
import type {
  ChunkLimits,
  SymbolSets,
  UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";
import type { Truth } from "./model_upstream.ts";

/** How a scenario is set up. */
export interface Scene {
  readonly plan: PlanLimit;
  readonly truth: Truth;
  readonly limits: ChunkLimits;
  readonly graceMs: number;
}

/** What may happen. */
export type Step =
  | {
    readonly do: "open";
    readonly channel: UpstreamChannel;
    readonly symbols: readonly string[];
    /** False for requests that do not check the quota. */
    readonly admitted: boolean;
  }
  | { readonly do: "close" | "change" | "forget"; readonly which: number }
  /** Time passes, immediately or after upstream has answered everything. */
  | { readonly do: "wait" | "pass"; readonly ms: number }
  | { readonly do: "contradict"; readonly state: SymbolSets }
  | {
    readonly do:
      | "answer"
      | "process"
      | "deliver"
      | "lose request"
      | "lose answer"
      | "repeat"
      | "fault"
      | "probe"
      | "drop"
      | "connect";
  };
