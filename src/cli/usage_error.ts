/**
 * What is wrong with how a command was called.
 *
 * @module
 */

/** Thrown for arguments that cannot be used; its text is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /**
   * @param argument as the user typed it
   * @param accepted what would have been right, without a full stop
   */
  constructor(argument: string, accepted: string) {
    super(`Cannot use ${argument}: ${accepted}`);
  }
}
