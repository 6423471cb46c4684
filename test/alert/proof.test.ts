import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { z } from "zod";
import { logKeys, logOf } from "../../src/archive/archive.ts";
import { proveEntry } from "../../src/archive/prove.ts";
import { alarmsConfigSchema } from "../../src/alert/config.ts";
import { openDestinations } from "../../src/alert/destination/open.ts";
import { fromUtf8, utf8 } from "../../src/core/bytes.ts";
import { formatSteleProof, parseSteleProof, verifySteleProof } from "../../src/core/stele-proof.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, LOG, newArchive, NOW, openWriter } from "../archive/fixture.ts";
import { Receiver } from "./receiver.ts";
import { eventAlarm } from "./samples.ts";

const body = z.object({
  data: z.object({ evidences: z.tuple([z.object({ data: z.object({ text: z.string(), index: z.int(), proof: z.string() }) })]) }),
});

test("whoever gets an alarm can check its event with what is in it and the log's key alone", async () => {
  const archive = await newArchive(new MemoryStore({ now: () => NOW }));
  const writer = await openWriter(archive);
  const line = '{"eventName":"StopLogging","user":"m\u202eallory <!channel>"}';
  await commitLines(writer, ["first", line, "last"]);
  const proof = fromUtf8(formatSteleProof(await proveEntry(archive, LOG, 1)));
  const alarm = eventAlarm({ index: 1, text: line, proof: proof.trimEnd() });

  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  await using receiver = await Receiver.start();
  const config = alarmsConfigSchema.parse({
    destinations: [{ name: "soc", type: "webhook", url: receiver.url, secretEnv: "SECRET" }],
    allowPrivate: ["127.0.0.1"],
  });
  const [destination] = openDestinations(config, { folder: "/", env: { SECRET: secret } });
  expect(await destination?.deliver(alarm, Date.now(), new AbortController().signal)).toEqual({ kind: "delivered" });

  const [received] = receiver.received;
  const headers = Object.fromEntries(Object.entries(received?.headers ?? {}).map(([key, value]) => [key, String(value)]));
  const [evidence] = body.parse(new Webhook(secret).verify(received?.body ?? "", headers)).data.evidences;
  const proven = verifySteleProof(parseSteleProof(utf8(`${evidence.data.proof}\n`)), logKeys(archive, logOf(archive, LOG)));
  expect(proven.index).toBe(evidence.data.index);
  expect(fromUtf8(proven.entry)).toBe(evidence.data.text);
  expect(evidence.data.text).toBe(line);
});
