import type { Archive } from "../archive/archive.ts";
import { isSteleError } from "../core/error.ts";
import type { Signer } from "../core/key.ts";
import { followAcknowledgements } from "../sweep/acknowledge.ts";
import { record } from "../sweep/record.ts";
import { SWEEPS_LOG } from "../sweep/report.ts";
import { beginUnrestored, restore } from "../sweep/restore.ts";
import type { SweepState } from "../sweep/state/state.ts";
import type { Remarks } from "./output.ts";
import type { Settings } from "./settings.ts";
import { sweepFolder, thisSweeper } from "./sweep-state.ts";
import { counted } from "./words.ts";

/**
 * Takes over what is known elsewhere: everything, where nothing is remembered on this machine; what was acknowledged, otherwise.
 * @throws SteleError `store.*` where nothing is remembered here and the log of sweeps can't be read: a sweep that began anew would
 *   forget what earlier ones saw; `sweep.failed`
 */
export async function catchUp(archive: Archive, state: SweepState, remarks: Remarks, signal: AbortSignal): Promise<void> {
  const isNew = state.isNew;
  try {
    if (!isNew) {
      await followAcknowledgements(archive, state, { signal });
      return;
    }
    const restored = await restore(archive, state, { signal });
    if (restored !== null) remarks.note(`what earlier sweeps saw was taken over from the archive's log ${SWEEPS_LOG}`);
  } catch (error) {
    if (!isSteleError(error) || signal.aborted) throw error;
    if (isNew) beginUnrestored(state, error);
    // The sweep itself says what is the matter with that log.
    remarks.warn(`the archive's log ${SWEEPS_LOG} could not be read: ${error.message}`);
  }
}

/** Signs what the sweep saw into the archive's log of sweeps. What can't be written now waits on this machine for the next sweep. */
export async function recordSweep(
  archive: Archive,
  state: SweepState,
  options: {
    readonly signer: Signer | null;
    readonly settings: Settings;
    readonly remarks: Remarks;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { signer, settings, remarks, signal } = options;
  if (signer === null) {
    remarks.note(
      `no key of the log ${SWEEPS_LOG} is at hand (--sweep-key): what this sweep saw is only remembered on this machine`,
    );
    return;
  }
  try {
    await record(archive, state, { signer, spool: settings.spool, writerId: thisSweeper(), signal });
  } catch (error) {
    if (!isSteleError(error) || signal.aborted) throw error;
    remarks.warn(
      `the report could not be written to ${SWEEPS_LOG}, and waits on this machine for the next sweep: ${error.message}`,
    );
  }
}

/** How long a sweep waits for its alarms to be taken. */
const DELIVER_MS = 30_000;

/**
 * Where alarms leave a sweep: they are kept in the state, each once, until they are handed to those who deliver them. With a
 * section `alarms` in the configuration that is done at once, and waited for a while.
 */
export async function tellAlarms(
  archive: Archive,
  state: SweepState,
  options: {
    readonly settings: Settings;
    readonly base: string | undefined;
    readonly remarks: Remarks;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { settings, base, remarks, signal } = options;
  const waiting = state.alarms(state.lastHandedOver(), MANY).length;
  if (settings.configuration.alarms !== undefined && settings.configuration.alarms.destinations.length > 0) {
    // Loaded where there is somebody to tell.
    const { deliverOnce } = await import("./deliver-once.ts");
    const folder = sweepFolder(archive.origin, base);
    const left = await deliverOnce(state, settings, { folder, millis: DELIVER_MS, signal }).catch((error: unknown) => {
      // What the sweep found stands, whoever hears of it.
      if (!isSteleError(error)) throw error;
      remarks.warn(`alarms could not be delivered, and are kept on this machine: ${error.message}`);
      return { pending: 0, dead: 0 };
    });
    if (left.pending > 0)
      remarks.warn(`${counted(left.pending, "alarm")} not taken yet: the next sweep tries again, or stele watch`);
    if (left.dead > 0) remarks.warn(`${counted(left.dead, "alarm")} not taken, and not tried any more: stele alarms dead`);
    return;
  }
  if (waiting === 0) return;
  const alarms = waiting === MANY ? `${MANY} alarms or more` : counted(waiting, "alarm");
  remarks.note(`${alarms} ${waiting === 1 ? "is" : "are"} kept on this machine, for stele watch to deliver`);
}

const MANY = 1000;
