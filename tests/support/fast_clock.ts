/**
 * A clock that runs by itself, much faster than the machine's.
 *
 * @module
 */
import { ManualClock } from "./manual_clock.ts";

/** A running clock; disposing stops it. */
export interface FastClock extends AsyncDisposable {
  readonly clock: ManualClock;
}

/** Starts a clock by which a minute passes in about a second. */
export function fastClock(): FastClock {
  const clock = new ManualClock();
  let over = false;
  const running = (async () => {
    while (!over) {
      await clock.advance(250);
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  })();
  return {
    clock,
    [Symbol.asyncDispose]: async () => {
      over = true;
      await running;
    },
  };
}
