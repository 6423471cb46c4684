import { type ErrorCode, isSteleError } from "../../src/core/error.ts";

/** The code with which `run` refuses. Anything else, a crash with another error above all, fails the test. */
export function refusal(run: () => unknown): ErrorCode {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    if (isSteleError(error)) return error.code;
    throw error;
  }
  throw new Error(`expected a refusal, got ${JSON.stringify(result)}`);
}
