import type { FeedFailure } from "../../domain/connection/failure.ts";

/** Receives the frames of a feed as upstream sent them. */
export interface FrameSink {
  /**
   * Takes a frame after its events were published, whether it could be decoded or not; must not
   * wait or throw.
   *
   * @param frame not changed by the caller afterwards
   * @param receivedAt wall clock ms at which it arrived, as its events have it
   * @param isData whether it has nothing but market data: no reply, and no text of upstream.
   * @default false
   */
  receive(frame: Uint8Array, receivedAt: number, isData?: boolean): void;
}

/**
 * Receives what a feed receives: its sessions and their frames, those of the login included. All
 * calls are synchronous.
 */
export interface UpstreamTap extends FrameSink {
  /** There is a session; called again while there is one without effect. */
  up(): void;
  /** The session has ended, or an attempt has failed. */
  down(failure: FeedFailure): void;
}
