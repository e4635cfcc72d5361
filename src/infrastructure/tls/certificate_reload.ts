/**
 * Loads new certificate files without a restart.
 *
 * The files are read again at an interval, and not watched: the Secrets of Kubernetes are replaced
 * by exchanging a symbolic link beside them, which a watch of the files alone does not report.
 *
 * @module
 */
import type { KeyMaterial } from "../../application/connections/connection_security.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { TlsCounters } from "../../application/status/counters.ts";

/** Time between two readings of the files, in ms. */
export const RELOAD_MS = 10_000;

/** What {@linkcode reloadCertificate} needs. */
interface ReloadOptions {
  /** Reads the material; returns `current` where nothing has changed. Throws if it is no use. */
  readonly read: (current: KeyMaterial) => KeyMaterial;
  /** What uses the material for its new connections. */
  readonly ports: {
    /** The material in force. */
    readonly material: KeyMaterial;
    /** @throws {Error} when the material cannot be used; the one in force stays */
    replace(material: KeyMaterial): void;
  };
  readonly counters: TlsCounters;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Uses new files until the signal fires. While they cannot be used, the material in force stays;
 * the error is logged once they had it twice in a row, because two files are not replaced at one
 * time.
 */
export async function reloadCertificate(options: ReloadOptions): Promise<void> {
  const { read, ports, counters, clock, log, signal } = options;
  let lastError: string | undefined;
  let loggedError: string | undefined;
  for (;;) {
    await clock.sleep(RELOAD_MS, signal);
    if (signal.aborted) return;
    try {
      const next = read(ports.material);
      lastError = loggedError = undefined;
      if (next === ports.material) continue;
      ports.replace(next);
      counters.expiresAt = next.expiresAt;
      counters.reloads.loaded++;
      log.info("Loaded a new TLS certificate", {
        subject: next.subject,
        expiresAt: isoTime(next.expiresAt),
      });
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      if (error === lastError && error !== loggedError) {
        loggedError = error;
        counters.reloads.failed++;
        log.error("Cannot use the new TLS certificate; the one in force is used until it expires", {
          cause: error,
          expiresAt: isoTime(ports.material.expiresAt),
        });
      }
      lastError = error;
    }
  }
}

function isoTime(epochMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(epochMs).toString();
}
