import { createInterface } from "node:readline";
import { alarmsConfigSchema } from "../../../src/alert/config.ts";
import { Deliverer } from "../../../src/alert/deliverer.ts";
import { openDestinations } from "../../../src/alert/destination/open.ts";
import { parseAlarm } from "../../../src/sweep/alarm.ts";

// Run as a process of its own, to be killed: takes the alarms that come on standard input, one a line, says each when it is
// taken, and delivers all the while.
const [folder = "", url = ""] = process.argv.slice(2);
const config = alarmsConfigSchema.parse({
  destinations: [{ name: "soc", type: "webhook", url, secretEnv: "SECRET" }],
  allowPrivate: ["127.0.0.1"],
});
const deliverer = await Deliverer.open(folder, config, { destinations: openDestinations(config, { folder, env: process.env }) });
const running = deliverer.run(new AbortController().signal);
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const alarm = parseAlarm(line);
  deliverer.take([alarm]);
  process.stdout.write(`${alarm.id}\n`);
}
await running;
