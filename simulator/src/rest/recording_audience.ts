import type { Element } from "../protocol/elements.ts";
import { Audience } from "../session/audience.ts";
import type { MarketHistory } from "./market_history.ts";

/** An audience whose stream is remembered for the history endpoints. */
export class RecordingAudience extends Audience {
  readonly #history: MarketHistory;

  /** Remembers every published element, wanted or not. */
  constructor(history: MarketHistory) {
    super();
    this.#history = history;
  }

  override publish(element: Element): number {
    this.#history.record(element);
    return super.publish(element);
  }
}
