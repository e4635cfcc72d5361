/**
 * What fails during a run: each part in turn, then parts at random.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";

/** A part that fails; which hub leads is known when it does. */
export type Target = "leader" | "standby" | "edge" | "nats" | "connections";

/** A failure of one or two parts together. */
export interface Fault {
  readonly name: string;
  readonly targets: readonly Target[];
  /** `SIGSTOP` suspends the parts and lets them go on afterwards. */
  readonly signal: "SIGKILL" | "SIGTERM" | "SIGSTOP";
  /** How long the parts are suspended, in ms. */
  readonly suspendMs: number;
}

const NAMES: Readonly<Record<Target, string>> = {
  leader: "hub with the lease",
  standby: "hub that stands by",
  edge: "edge",
  nats: "nats-server",
  connections: "connections of edges to nats-server",
};

function fault(targets: readonly Target[], signal: Fault["signal"], suspendMs = 0): Fault {
  const parts = targets.map((target) => NAMES[target]).join(" and ");
  const verb = signal === "SIGSTOP" ? `SIGSTOP for ${suspendMs / 1_000} s` : signal;
  return { name: `${parts}: ${verb}`, targets, signal, suspendMs };
}

/** Edges lose what the hub sends until they are connected again. */
export const CONNECTIONS_CLOSED: Fault = {
  name: `${NAMES.connections}: closed`,
  targets: ["connections"],
  signal: "SIGKILL",
  suspendMs: 0,
};

/** Every fault once. @param leaseMs after which a lease that is not renewed expires */
export function allFaults(leaseMs: number): readonly Fault[] {
  const beyond = 2 * leaseMs;
  const below = leaseMs / 3;
  return [
    fault(["standby"], "SIGKILL"),
    fault(["leader"], "SIGKILL"),
    fault(["leader"], "SIGTERM"),
    fault(["leader"], "SIGSTOP", below),
    fault(["leader"], "SIGSTOP", beyond),
    fault(["edge"], "SIGKILL"),
    fault(["edge"], "SIGTERM"),
    fault(["edge"], "SIGSTOP", below),
    fault(["edge"], "SIGSTOP", beyond),
    CONNECTIONS_CLOSED,
    fault(["nats"], "SIGKILL"),
    fault(["nats"], "SIGTERM"),
    fault(["nats"], "SIGSTOP", below),
    fault(["nats"], "SIGSTOP", beyond),
    fault(["leader", "standby"], "SIGKILL"),
    fault(["leader", "edge"], "SIGKILL"),
    fault(["nats", "leader"], "SIGKILL"),
    fault(["nats", "edge"], "SIGKILL"),
  ];
}

/** Kills each part once, and suspends the leader beyond its lease. */
export function shortFaults(leaseMs: number): readonly Fault[] {
  return [
    fault(["standby"], "SIGKILL"),
    fault(["leader"], "SIGKILL"),
    fault(["edge"], "SIGKILL"),
    fault(["nats"], "SIGKILL"),
    fault(["leader"], "SIGSTOP", 2 * leaseMs),
  ];
}

/** All faults in turn, then at random without an end. */
export function* faults(inTurn: readonly Fault[], random: Random): Generator<Fault, never> {
  yield* inTurn;
  for (;;) yield random.pick(inTurn);
}
