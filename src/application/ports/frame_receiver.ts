/**
 * Takes the frames of a feed that another process has received: decodes and publishes them as those
 * of an own session. All calls are synchronous and never throw.
 */
export interface FrameReceiver {
  /**
   * Publishes the data of a frame; its replies, which belong to that other process, are ignored.
   *
   * @param frame not changed by the caller afterwards
   * @param receivedAt wall clock ms at which the other process received it
   */
  receive(frame: Uint8Array, receivedAt: number): void;
}
