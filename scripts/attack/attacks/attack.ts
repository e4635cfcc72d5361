/**
 * Interface and helpers of the attacks.
 *
 * @module
 */
import { pause } from "../../../bench/rig.ts";
import type { Random } from "../../rig/random.ts";
import { RawConnection } from "../../rig/raw_connection.ts";
import type { Ports } from "../../rig/child_processes.ts";

/** Target and size of an attack. */
export interface Target {
  readonly ports: Ports;
  readonly random: Random;
  /** Option contracts with quotes. */
  readonly options: readonly string[];
  /** Where the issuer of JWTs has its keys, in rows with identities. */
  readonly jwksUrl?: string | undefined;
  /** Share of the full attack, above 0 and at most 1. */
  readonly scale: number;
}

/** Result of an attack. */
export interface Outcome {
  /** Summary for the report. */
  readonly about: string;
  /** Wrong behaviour of the proxy that the attack observed. */
  readonly problems: readonly string[];
}

/** Runs an attack of bounded length; its connections stay open. */
export type Attack = (target: Target) => Promise<Outcome>;

/** `count` scaled, at least one. */
export function scaled({ scale }: Target, count: number): number {
  return Math.max(1, Math.round(count * scale));
}

/** Opens `count` connections to the gRPC port; refused ones are dropped. */
export async function connections(
  { ports }: Target,
  count: number,
  options: { readonly replies?: boolean; readonly reads?: boolean } = {},
): Promise<RawConnection[]> {
  const opened = await Promise.allSettled(
    Array.from(
      { length: count },
      () => RawConnection.open({ port: ports.grpc, ...options }),
    ),
  );
  return opened.filter((one) => one.status === "fulfilled")
    .map(({ value }) => value);
}

/** Runs `step` until it returns false or `ms` have passed. */
export async function during(
  ms: number,
  step: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end && await step()) { /* next step */ }
}

/** Waits until `check` returns true, at most `ms`; returns its last result. */
export async function settled(
  ms: number,
  check: () => boolean,
): Promise<boolean> {
  await during(ms, async () => {
    if (check()) return false;
    await pause(20);
    return true;
  });
  return check();
}

/** Sums a figure of connections. */
export function sum(
  all: readonly RawConnection[],
  of: (connection: RawConnection) => number,
): number {
  return all.reduce((total, one) => total + of(one), 0);
}

/** How many connections have ended. */
export function endedCount(all: readonly RawConnection[]): number {
  return all.filter(({ closed }) => closed).length;
}
