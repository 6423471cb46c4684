import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressCheck, isAddressRule } from "../../../src/alert/destination/address.ts";

const check = addressCheck([]);

describe("addresses", () => {
  it.each([
    "127.0.0.1",
    "127.255.255.254",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "2001:db8::1",
    "100::1",
    "4000::1",
    "not an address",
    "",
  ])("%s is refused", (address) => {
    expect(check("x.example", address, true)).not.toBeNull();
  });

  it.each(["8.8.8.8", "1.1.1.1", "203.0.114.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"])(
    "%s is connected to, over https only",
    (address) => {
      expect(check("x.example", address, true)).toBeNull();
      expect(check("x.example", address, false)).toContain("http://");
    },
  );

  it("allowPrivate names what may be private, and what of it over http", () => {
    const allowed = addressCheck(["10.0.0.0/8", "127.0.0.1", "Hooks.Internal", "fd00::/8"]);
    for (const isEncrypted of [true, false]) {
      expect(allowed("x.example", "10.2.3.4", isEncrypted)).toBeNull();
      expect(allowed("x.example", "::ffff:10.2.3.4", isEncrypted)).toBeNull();
      expect(allowed("127.0.0.1", "127.0.0.1", isEncrypted)).toBeNull();
      expect(allowed("x.example", "fd12::1", isEncrypted)).toBeNull();
      expect(allowed("hooks.internal", "192.168.0.9", isEncrypted)).toBeNull();
      expect(allowed("HOOKS.internal.", "192.168.0.9", isEncrypted)).toBeNull();
      expect(allowed("x.example", "192.168.0.9", isEncrypted)).not.toBeNull();
      expect(allowed("x.example", "127.0.0.2", isEncrypted)).not.toBeNull();
    }
    // A host that is allowed may be public, and then it is reached over https only.
    expect(allowed("hooks.internal", "8.8.8.8", true)).toBeNull();
    expect(allowed("hooks.internal", "8.8.8.8", false)).not.toBeNull();
  });

  it("a host that is allowed by name does not lead to the metadata service", () => {
    expect(addressCheck(["hooks.internal"])("hooks.internal", "169.254.169.254", true)).not.toBeNull();
    expect(addressCheck(["hooks.internal"])("hooks.internal", "::ffff:169.254.169.254", true)).not.toBeNull();
    expect(addressCheck(["169.254.0.0/16"])("hooks.internal", "169.254.169.254", true)).toBeNull();
    for (const address of ["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "::ffff:100.100.100.200"]) {
      expect(addressCheck(["hooks.internal"])("hooks.internal", address, true), address).not.toBeNull();
      expect(addressCheck(["fd00::/8", "100.64.0.0/10", "192.0.0.0/24"])("hooks.internal", address, true), address).toBeNull();
    }
    expect(addressCheck(["hooks.internal"])("hooks.internal", "100.100.100.201", true)).toBeNull();
  });

  it("what is private in IPv4 is so in all of its IPv6 spellings", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const inPrivate = fc.oneof(
      fc.tuple(fc.constant(10), octet, octet, octet),
      fc.tuple(fc.constant(127), octet, octet, octet),
      fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
      fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
    );
    fc.assert(
      fc.property(inPrivate, ([a, b, c, d]) => {
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const prefix of ["::ffff:", "::", "64:ff9b::", "::ffff:0:"]) {
          expect(check("x.example", `${prefix}${hex}`, true), prefix).not.toBeNull();
          expect(check("x.example", `${prefix}${a}.${b}.${c}.${d}`, true), prefix).not.toBeNull();
        }
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  it.each([
    ["10.0.0.0/8", true],
    ["10.0.0.1", true],
    ["fd00::/8", true],
    ["::1", true],
    ["localhost", true],
    ["a.b-c.example", true],
    ["10.0.0.0/33", false],
    ["http://x", false],
    ["a b", false],
    ["", false],
    ["-x", false],
    ["x/8", false],
  ])("%j as a rule: %s", (rule, expected) => {
    expect(isAddressRule(rule)).toBe(expected);
  });
});
