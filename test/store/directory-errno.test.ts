import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { SteleError } from "../../src/core/error.ts";
import { errnoOf, fileError } from "../../src/store/directory/errno.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up, open '/x'`), { code, syscall: "open", errno: -1 });
}

test.each([
  ["ENOENT", "store.not-found"],
  ["EACCES", "store.denied"],
  ["EPERM", "store.denied"],
  ["ENOSPC", "store.unreachable"],
  ["EDQUOT", "store.unreachable"],
  ["EIO", "store.unreachable"],
  ["EROFS", "store.unreachable"],
  ["EMFILE", "store.unreachable"],
  ["ESTALE", "store.unreachable"],
  ["ENAMETOOLONG", "store.unsupported"],
  ["ELOOP", "store.unsupported"],
  ["ENOTDIR", "store.unsupported"],
  ["EWHATEVER", "store.unreachable"],
])("%s is %s, with what was done and the cause", (errno, code) => {
  const cause = systemError(errno);
  expect(fileError(cause, "reading log/a")).toMatchObject({
    name: "SteleError",
    code,
    cause,
    message: expect.stringMatching(new RegExp(`^reading log/a: .+\\(${errno}\\)$`)),
  });
});

test("what is not the system's error stays as it is", () => {
  for (const error of [
    new TypeError("a bug"),
    new SteleError("store.altered", "x"),
    new DOMException("aborted", "AbortError"),
    "text",
    null,
  ]) {
    expect(fileError(error, "reading")).toBe(error);
    expect(errnoOf(error)).toBeNull();
  }
});

test("a wrong argument is a bug, not the system's word", async () => {
  const error = await readFile("a\0b").catch((thrown: unknown) => thrown);
  expect(errnoOf(error)).toBeNull();
});
