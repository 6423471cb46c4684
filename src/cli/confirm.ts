import { createInterface } from "node:readline/promises";

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/**
 * Asks a person to type `word` for what can't be undone. Anything else is a no, and so are Ctrl-C, Ctrl-D and the input's end.
 * @param question said before the word is waited for, on the same line
 */
export async function confirm(question: string, word: string, { input, output }: Terminal): Promise<boolean> {
  const lines = createInterface({ input, output });
  const closed = new Promise<null>((resolve) => lines.once("close", () => resolve(null)));
  try {
    // Whether a question whose input ends is refused or never answered depends on the version of Node: either is a no.
    const answer = await Promise.race([lines.question(question).catch(() => null), closed]);
    return answer?.trim() === word;
  } finally {
    lines.close();
  }
}

/** Whether a person sits before standard input and standard error. */
export function isAttended(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
