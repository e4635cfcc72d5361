/**
 * Reading the body of an answer with a bound, so that a mistaken address (a
 * download, an endless stream) costs an error and not the memory.
 *
 * @module
 */

/** A body went over its bound; the rest of it was not read. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/**
 * The whole body as UTF-8 text. The connection is given back however this
 * ends.
 *
 * @throws BodyTooLarge
 */
export async function readText(
  response: Response,
  maxBytes: number,
): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  // Leaving the loop by a throw cancels the stream, and so the connection.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new BodyTooLarge(`the answer is longer than ${maxBytes} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
