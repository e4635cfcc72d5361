/**
 * Names of edges.
 *
 * @module
 */

/**
 * Returns the part of an edge's name that others may know: subjects, logs and status have it. The
 * part after the first `-` is known to the edge and its hub only, so that no other edge can use the
 * name.
 */
export function publicNameOf(edge: string): string {
  const end = edge.indexOf("-");
  return end === -1 ? edge : edge.slice(0, end);
}
