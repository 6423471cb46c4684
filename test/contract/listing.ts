import fc from "fast-check";
import { expect, test } from "vitest";
import { byBytes, bytes, type Harness } from "./harness.ts";

/** The part of the contract about `versions`. */
export function listingContract(on: Harness): void {
  const { place, put, list, runs } = on;

  test("lists awkward keys in the order of their UTF-8 bytes", async () => {
    const at = place();
    const names = ["ab", "a/b", "a.b", "a-b", "a/-", "a/b.c", "a0", "A", "\u00e9", "\uffee", "\u{1f512}", "b c", "b+c", "b%2Fc"];
    for (const name of names) await put(`${at}${name}`, bytes(name));
    const expected = names.map((name) => `${at}${name}`).sort(byBytes);
    expect((await list(at)).map(({ key }) => key)).toEqual(expected);
    for (const [i, after] of expected.entries()) {
      expect((await list(at, { after })).map(({ key }) => key)).toEqual(expected.slice(i + 1));
    }
    for (const versions of await list(at)) expect(versions).toMatchObject({ kind: "object", isLatest: true });
  });

  test("takes a prefix as a plain string", async () => {
    const at = place();
    for (const name of ["log/1", "log/12", "log/2", "log-b/1"]) await put(`${at}${name}`, bytes(name));
    const names = async (prefix: string): Promise<string[]> =>
      (await list(`${at}${prefix}`)).map(({ key }) => key.slice(at.length));
    expect(await names("log")).toEqual(["log-b/1", "log/1", "log/12", "log/2"]);
    expect(await names("log/")).toEqual(["log/1", "log/12", "log/2"]);
    expect(await names("log/1")).toEqual(["log/1", "log/12"]);
    expect(await names("log/12")).toEqual(["log/12"]);
    expect(await names("log/3")).toEqual([]);
    expect(await names("nothing/here")).toEqual([]);
  });

  test("lists the same with any page size", async () => {
    const at = place();
    for (let i = 0; i < 7; i++) await put(`${at}${i % 2}/${i}`, bytes("x"));
    const all = await list(at);
    expect(all).toHaveLength(7);
    for (const limit of [1, 2, 3, 7, 1000]) expect((await list(at, { limit })).slice(0, limit)).toEqual(all.slice(0, limit));
  });

  test("a listing can be left before its end", async () => {
    const at = place();
    for (const name of ["1", "2", "3"]) await put(`${at}${name}`, bytes("x"));
    for await (const { key } of on.store.versions(at)) {
      expect(key).toBe(`${at}1`);
      break;
    }
  });

  test("property: a listing is the sorted keys after a point", async () => {
    const component = fc.string({
      unit: fc.constantFrom("a", "b", "-", ".", "0", "\u00e9", "\u{1f512}"),
      minLength: 1,
      maxLength: 3,
    });
    const key = fc
      .array(
        component.filter((name) => !/^\.+$/.test(name)),
        { minLength: 1, maxLength: 3 },
      )
      .map((parts) => parts.join("/"));
    const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 12 }).map(withoutKeysBelowKeys);
    await fc.assert(
      fc.asyncProperty(
        keys,
        key,
        fc.string({ unit: fc.constantFrom("a", "b", "-", "/"), maxLength: 3 }),
        async (names, after, prefix) => {
          const at = place();
          for (const name of names) await put(`${at}${name}`, bytes("x"));
          const expected = names
            .map((name) => `${at}${name}`)
            .filter((name) => name.startsWith(`${at}${prefix}`) && byBytes(name, `${at}${after}`) > 0);
          const listed = await list(`${at}${prefix}`, { after: `${at}${after}` });
          expect(listed.map((version) => version.key)).toEqual(expected.sort(byBytes));
        },
      ),
      { numRuns: runs },
    );
  });
}

/** A folder can't hold both `a` and `a/b`, and an archive has no such keys. */
function withoutKeysBelowKeys(keys: string[]): string[] {
  return keys.filter((key) => !keys.some((other) => key.startsWith(`${other}/`)));
}
