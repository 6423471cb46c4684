import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { EXIT } from "../exit.ts";
import { writeStderr } from "../output.ts";
import { storeCommand } from "../store-command.ts";
import { systemClock } from "../watch/clock.ts";
import { eventLog, LOG_FORMATS } from "../watch/event-log.ts";

const EXAMPLES = `
It runs until SIGTERM or SIGINT: what was begun is finished, alarms are delivered for a while, and what is left is said. A second
signal ends it at once. SIGHUP reads the configuration again. Only one sweep of an archive runs at a time on one machine.

Examples:
  $ stele watch s3://acme-audit --config stele.yaml
  $ curl -s http://127.0.0.1:9464/readyz
`;

const GRACE_MS = 1000;

export function watchCommand(): CommandUnknownOpts {
  return storeCommand("watch")
    .summary("sweep an archive on schedules, and raise alarms")
    .description(
      "Sweeps an archive again and again, and tells whoever is to know: the section watch of the configuration says when.",
    )
    .option("--state <DIR>", "the folder of what sweeps remember (default: ~/.local/state/stele/sweep)")
    .option("--sweep-key <FILE>", "the key of the log of sweeps (default: where init put it)")
    .option("--key-file <FILE>", "the archive's signing key, where it names no key of its own for that log")
    .option("--spool <DIR>", "the folder of spools (default: ~/.local/state/stele/spool)")
    .addOption(
      new Option("--log-format <FORMAT>", "of what is said on standard error").choices(LOG_FORMATS).default("text" as const),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const { runDaemon } = await import("../watch/daemon.ts");
      const log = eventLog(flags.logFormat, {
        write: (line) => writeStderr(line),
        now: () => Date.now(),
        quiet: flags.quiet === true,
      });
      process.exitCode = EXIT.sound;
      await runDaemon(location, flags, systemClock, log);
      // A report that waits for the store stays in its spool: it must not keep the process.
      setTimeout(() => process.exit(), GRACE_MS).unref();
    });
}
