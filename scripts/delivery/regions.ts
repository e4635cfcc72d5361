/**
 * Files of which a part is generated, between two marker lines.
 *
 * @module
 */

/** `text` with what stands between the markers of `name` replaced. */
export function replaceRegion(
  text: string,
  { name, body }: { readonly name: string; readonly body: string },
): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.includes(`>>> ${name}`));
  const end = lines.findIndex((line) => line.includes(`<<< ${name}`));
  if (start < 0 || end < start) {
    throw new Error(
      `No lines ">>> ${name}" and "<<< ${name}" to write between`,
    );
  }
  return [...lines.slice(0, start + 1), body, ...lines.slice(end)].join("\n");
}
