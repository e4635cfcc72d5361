/**
 * The block of addresses that limits per client address count as one client.
 *
 * @module
 */

/** Parts of an IPv6 address that one network assigns to one customer: a /64. */
const NETWORK_GROUPS = 4;
/** Groups of an IPv6 address. */
const GROUPS = 8;

/**
 * Returns the address of an IPv4 client, or the /64 of an IPv6 client: its owner can use every
 * address in it. IPv4 addresses written as IPv6 (`::ffff:10.0.0.1`) are IPv4.
 *
 * @param address as sockets report it, without a port; an invalid one is a block of its own
 */
export function addressBlock(address: string): string {
  if (!address.includes(":")) return address;
  const [text = ""] = address.toLowerCase().split("%");
  const [, mapped] = /^[0:]*:ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = text.split("::");
  const leading = groupsOf(head);
  const trailing = tail === undefined ? [] : groupsOf(tail);
  const zeroes = tail === undefined ? 0 : Math.max(0, GROUPS - leading.length - trailing.length);
  const groups = [...leading, ...new Array<string>(zeroes).fill("0"), ...trailing];
  return `${groups.slice(0, NETWORK_GROUPS).join(":")}::/64`;
}

/** The groups of a part without `::`, without leading zeroes; dotted decimals are two groups. */
function groupsOf(part: string): string[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) =>
    group.includes(".") ? ["v4", "v4"] : [group.replace(/^0+(?=.)/, "")]
  );
}
