import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { ConformanceReport } from "../../store/conformance.ts";
import { parseStoreLocation, type StoreLocation } from "../../store/open.ts";
import { conformanceExit, printConformance } from "../conformance-table.ts";
import { Remarks, writeJson } from "../output.ts";
import { readSettings, type Settings } from "../settings.ts";
import { storeCommand } from "../store-command.ts";

const EXAMPLE = `
Exit code 0 when nothing failed, 1 when something did, 3 when something could not be tried.

Example:
  $ stele doctor s3://acme-audit
`;

export function doctorCommand(): CommandUnknownOpts {
  return storeCommand("doctor")
    .summary("find out what a store really enforces")
    .description("Attacks probe objects below _doctor/ and reports what the store really enforces.")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLE)
    .action(async (location, flags) => {
      const place = parseStoreLocation(location);
      const settings = await readSettings(flags);
      if (place.kind === "s3")
        new Remarks(flags).note("Attacking probe objects; this takes about a minute, since it waits for short locks to end.");
      const report = await examine(place, settings);
      process.exitCode = conformanceExit(report);
      if (flags.json === true) writeJson({ ok: process.exitCode === 0, ...report });
      else printConformance(report, process.stdout.columns ?? 120);
    });
}

async function examine(place: StoreLocation, { s3 }: Settings): Promise<ConformanceReport> {
  if (place.kind === "directory") {
    const { doctorDirectory } = await import("../../store/directory/doctor.ts");
    return doctorDirectory(place.path);
  }
  const { doctorS3 } = await import("../../store/s3/doctor.ts");
  const { endpoint, region, pathStyle } = s3;
  return doctorS3({ bucket: place.bucket, prefix: place.prefix, endpoint, region, pathStyle });
}
