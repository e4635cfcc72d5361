/** Alpaca's REST API cannot be read; the message has the cause and no secret. */
export class ApiUnavailable extends Error {
  override readonly name: string = "ApiUnavailable";
  /** HTTP status of the response; `undefined` when there was none. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}
