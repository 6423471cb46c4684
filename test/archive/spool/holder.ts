import { isSteleError } from "../../../src/core/error.ts";
import { Spool } from "../../../src/archive/spool/spool.ts";
import { LIMITS, ORIGIN } from "./constants.ts";

// Holds a spool until it is killed, or says why it can't.
try {
  const spool = await Spool.open(process.argv[2] ?? "", { origin: ORIGIN, limits: LIMITS, now: Date.now });
  if (spool.next === null) spool.start(0);
  const { first } = await spool.append({ source: "holder", count: 1, bytes: Buffer.from("held\n") });
  process.stdout.write(`${first}\n`);
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${isSteleError(error) ? `${error.code}: ${error.message}` : String(error)}\n`);
}
