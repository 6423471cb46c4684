import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Whether an entry of `allowPrivate` is one: a CIDR, an address or a host name. */
export function isAddressRule(rule: string): boolean {
  return (
    cidrOf(rule) !== null || /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(rule)
  );
}

/** Where clouds keep credentials beside link-local addresses: of AWS and Google over IPv6, of Alibaba and of Oracle. */
const METADATA = new Set(["fd00:ec2:0:0:0:0:0:254", "fd20:ce:0:0:0:0:0:254", "100.100.100.200", "192.0.0.192"]);

/** Why an address may not be connected to; null when it may. */
export type AddressCheck = (host: string, address: string, isEncrypted: boolean) => string | null;

/**
 * Alarms go to public addresses, over https: a URL must not make this machine ask its cloud's metadata service or a database
 * beside it. What `allow` names may be private, and may be reached over http.
 */
export function addressCheck(allow: readonly string[]): AddressCheck {
  const cidrs = allow.flatMap((rule) => cidrOf(rule) ?? []);
  const hosts = new Set(allow.filter((rule) => cidrOf(rule) === null).map((host) => host.toLowerCase()));
  return (host, text, isEncrypted) => {
    if (!ipaddr.isValid(text)) return `${text} is no address`;
    // An IPv4 address in IPv6 clothes is what it is.
    const address = ipaddr.process(text);
    const range = rangeOf(address);
    const isPublic = range === "public";
    // Whoever answers for a name's addresses must not be able to name the metadata service.
    const isHostAllowed =
      hosts.has(host.toLowerCase().replace(/\.$/, "")) && range !== "linkLocal" && !METADATA.has(address.toNormalizedString());
    const isAllowed = isHostAllowed || cidrs.some((cidr) => isWithin(address, cidr));
    if (isPublic && isEncrypted) return null;
    if (isPublic) return "http:// is for hosts in allowPrivate only; use https://";
    return isAllowed ? null : `it is at ${address.toString()} (${range}), which is not public, and not in allowPrivate`;
  };
}

function rangeOf(address: Address): string {
  const range = address.range();
  if (range !== "unicast") return range;
  // Of IPv6 only 2000::/3 is given out for the public: ::7f00:1, for one, is 127.0.0.1 to some systems.
  if (address instanceof ipaddr.IPv6 && !address.match(ipaddr.IPv6.parse("2000::"), 3)) return "unassigned";
  return "public";
}

function isWithin(address: Address, [network, bits]: [Address, number]): boolean {
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, bits);
  return network instanceof ipaddr.IPv6 && address.match(network, bits);
}

function cidrOf(rule: string): [Address, number][] | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(rule)) return [[ipaddr.IPv4.parse(rule), 32]];
  if (ipaddr.IPv6.isValid(rule)) return [[ipaddr.IPv6.parse(rule), 128]];
  if (!rule.includes("/") || !ipaddr.isValidCIDR(rule)) return null;
  return [ipaddr.parseCIDR(rule)];
}
