/**
 * Receives SIGINT and SIGTERM while the program is still loading.
 *
 * The kernel drops a signal that PID 1 of a container has no handler for: the
 * process would run until it is killed, with its upstream sessions open. So
 * this module imports nothing, and {@linkcode listenForStop} can run before the
 * rest of the program is loaded.
 *
 * @module
 */

/** A signal that asks the process to stop. */
type StopSignal = "SIGINT" | "SIGTERM";

/** Received signals; they are kept until a handler is set. */
export interface StopSignals {
  /** Passes the received signals, and every later one, to `handler`. */
  handle(handler: (signal: StopSignal) => void): void;
  /**
   * Resolves when the event loop has delivered pending signals, which it does
   * not do while modules are loading.
   */
  delivered(): Promise<void>;
}

/** Turns of the event loop in which a pending signal is delivered. */
const TURNS = 3;

/**
 * Installs the signal handlers. They do not end the process: Deno 2.9.6 crashes
 * (SIGSEGV) when it exits while it loads modules.
 */
export function listenForStop(): StopSignals {
  const received: StopSignal[] = [];
  let receive = (signal: StopSignal): void => {
    received.push(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => receive(signal));
  }
  return {
    handle(handler) {
      receive = handler;
      for (const signal of received.splice(0)) handler(signal);
    },
    async delivered() {
      for (let turn = 0; turn < TURNS; turn++) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
  };
}
