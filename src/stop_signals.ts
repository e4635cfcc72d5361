/**
 * Receives SIGINT and SIGTERM from the earliest moment on.
 *
 * The kernel drops a signal that PID 1 of a container has no handler for, and
 * the process would run until it is killed, its upstream sessions left open.
 * So this module imports nothing: {@linkcode listenForStop} can run before the
 * rest of the program is loaded.
 *
 * @module
 */

/** A signal that asks the process to stop. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** Signals that arrive; those that no handler has taken yet are kept. */
export interface StopSignals {
  /** Passes the signals that have arrived, and every later one, to `handler`. */
  handle(handler: (signal: StopSignal) => void): void;
  /**
   * Resolves when signals that have arrived were noted: loading modules keeps
   * the event loop from doing so.
   */
  noted(): Promise<void>;
}

/** Turns of the event loop in which an arrived signal is noted. */
const TURNS = 3;

/**
 * Installs the signal handlers. A signal does not end the process by itself:
 * Deno 2.9.6 crashes (SIGSEGV) when it exits while it loads modules.
 */
export function listenForStop(): StopSignals {
  const arrived: StopSignal[] = [];
  let receive = (signal: StopSignal): void => {
    arrived.push(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => receive(signal));
  }
  return {
    handle(handler) {
      receive = handler;
      for (const signal of arrived.splice(0)) handler(signal);
    },
    async noted() {
      for (let turn = 0; turn < TURNS; turn++) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
  };
}
