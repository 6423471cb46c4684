import fc from "fast-check";
import { expect, test } from "vitest";
import { LineIntake } from "../../src/cli/line-intake.ts";
import { SteleError } from "../../src/core/error.ts";
import { concatBytes, fromUtf8, utf8 } from "../../src/core/bytes.ts";

const lines = (bytes: Uint8Array): string[] => fromUtf8(bytes).split("\n").slice(0, -1);

/** Takes appends and answers them when told to, or at once. */
function taker(refuse: (call: number) => Error | null = () => null): {
  taken: Uint8Array[];
  append: (bytes: Uint8Array) => Promise<{ count: number }>;
} {
  const taken: Uint8Array[] = [];
  let calls = 0;
  return {
    taken,
    async append(bytes) {
      const refusal = refuse(++calls);
      if (refusal !== null) throw refusal;
      taken.push(bytes.slice());
      return { count: lines(bytes).length };
    },
  };
}

test("whatever the pieces, the same lines come out, each append ending in a line feed", async () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom("a", "é", " "), maxLength: 9 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 1 }),
      async (all, ended, cuts) => {
        const content = utf8(all.join("\n") + (ended && all.length > 0 ? "\n" : ""));
        const { taken, append } = taker();
        const intake = new LineIntake({ label: "stdin", maxEventBytes: 100, append });
        for (let from = 0, i = 0; from < content.length; i++) {
          const length = cuts[i % cuts.length] ?? 1;
          await intake.push(content.slice(from, from + length));
          from += length;
        }
        await intake.finish();
        const out = concatBytes(...taken);
        const whole = content.length > 0 && content.at(-1) !== 0x0a ? concatBytes(content, utf8("\n")) : content;
        expect(fromUtf8(out)).toBe(fromUtf8(whole));
        for (const part of taken) expect(part.at(-1)).toBe(0x0a);
      },
    ),
  );
});

test.each([
  ["in one piece", ["1\n22\n333\n4444\n5\n"]],
  ["with its end in another piece", ["1\n22\n333\n44", "44\n5\n"]],
  ["without an end", ["1\n22\n333\n", "4444"]],
])("a line that is too long, %s, is named by its number after all before it are kept", async (_what, pieces) => {
  const { taken, append } = taker();
  const intake = new LineIntake({ label: "stdin", maxEventBytes: 3, append });
  const pushing = async (): Promise<void> => {
    for (const piece of pieces) await intake.push(utf8(piece));
    await intake.finish();
  };
  await expect(pushing()).rejects.toMatchObject({
    code: "input.entry-too-large",
    message: expect.stringContaining("stdin: line 4 is longer than the 3 bytes"),
  });
  expect(lines(concatBytes(...taken))).toEqual(["1", "22", "333"]);
});

test("a line as long as may be is taken", async () => {
  const { taken, append } = taker();
  const intake = new LineIntake({ label: "stdin", maxEventBytes: 3, append });
  await intake.push(utf8("333\n33"));
  await intake.push(utf8("3"));
  await intake.finish();
  expect(lines(concatBytes(...taken))).toEqual(["333", "333"]);
});

test("when the disk refuses, it says how many lines that were read are not kept", async () => {
  const { append } = taker((call) => (call >= 2 ? new SteleError("spool.failed", "ENOSPC") : null));
  const intake = new LineIntake({ label: "stdin", maxEventBytes: 100, append });
  await intake.push(utf8("1\n2\n"));
  const rest = async (): Promise<void> => {
    await intake.push(utf8("3\n4\n5"));
    await intake.finish();
  };
  await expect(rest()).rejects.toMatchObject({
    code: "spool.failed",
    message: "ENOSPC. 3 lines of stdin that had been read are not kept",
  });
});

test("after an append that was refused nothing is kept: what is missing is the end", async () => {
  const gate = Promise.withResolvers<void>();
  const { taken, append } = taker((call) => (call === 2 ? new SteleError("spool.failed", "the disk is full") : null));
  const slow = async (bytes: Uint8Array): Promise<{ count: number }> => {
    await gate.promise;
    return append(bytes);
  };
  const intake = new LineIntake({ label: "stdin", maxEventBytes: 10, append: slow });
  await intake.push(utf8("1\n"));
  await intake.push(utf8("2\n"));
  gate.resolve();
  const pushing = async (): Promise<void> => {
    for (const line of ["3\n", "4\n", "5\n"]) await intake.push(utf8(line));
    await intake.finish();
  };
  await expect(pushing()).rejects.toThrow(/not kept/);
  expect(taken.flatMap(lines)).toEqual(["1"]);
});
