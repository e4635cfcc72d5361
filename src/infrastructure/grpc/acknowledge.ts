/**
 * `Acknowledge`: how far a client has processed its streams.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import type { MarketStreams } from "../../application/streaming/market_streams.ts";
import {
  type AcknowledgeRequest,
  AcknowledgeResponseSchema,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import { RequestValidator } from "./request_validator.ts";

/** Most positions of one request. */
const MAX_POSITIONS = 1_000;
/** Longest id of a stream, in characters. */
const MAX_ID_LENGTH = 64;

/**
 * Passes the positions on and returns the response with the ids of streams that are not open, or
 * that another identity has opened.
 *
 * @param identity name of the identity that acknowledges; by default that of no authentication
 * @throws {CallError} INVALID_ARGUMENT with all violations; nothing is acknowledged then
 */
export function acknowledge(
  { positions }: Pick<AcknowledgeRequest, "positions">,
  streams: Pick<MarketStreams, "acknowledge">,
  identity?: string,
): Uint8Array {
  const validator = new RequestValidator(MAX_POSITIONS);
  if (positions.length > MAX_POSITIONS) {
    const text = `has ${positions.length} entries; at most ${MAX_POSITIONS} are allowed`;
    validator.addViolation("positions", text);
  } else {
    for (const [i, { streamId }] of positions.entries()) {
      const { length } = streamId;
      if (length > 0 && length <= MAX_ID_LENGTH) continue;
      const text = `has ${length} characters; it must be the stream_id of hello`;
      validator.addViolation(`positions[${i}].stream_id`, text);
    }
  }
  validator.throwIfInvalid();
  const unknownStreamIds: string[] = [];
  // The last position of a stream counts.
  const last = new Map(positions.map(({ streamId, sequence }) => [streamId, sequence]));
  for (const [streamId, sequence] of last) {
    // Sequences are below 2^53; a larger number is beyond everything that was sent.
    if (!streams.acknowledge(streamId, Number(sequence), identity)) unknownStreamIds.push(streamId);
  }
  const response = create(AcknowledgeResponseSchema, { unknownStreamIds });
  return toBinary(AcknowledgeResponseSchema, response);
}
