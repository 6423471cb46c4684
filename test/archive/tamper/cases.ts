import { ABSENCE_CASES } from "./absence-cases.ts";
import type { TamperCase } from "./case.ts";
import { CONTENT_CASES } from "./content-cases.ts";
import { EXTRA_CASES } from "./extra-cases.ts";
import { KEY_CASES } from "./key-cases.ts";
import { LOCK_CASES } from "./lock-cases.ts";
import { UNTOUCHED } from "./matrix.ts";
import { REMEMBERED_CASES } from "./remembered-cases.ts";
import { SIGNED_CASES } from "./signed-cases.ts";
import { VERSION_CASES } from "./version-cases.ts";
import { VIEW_CASES } from "./view-cases.ts";

/** Everything that is done to archives. */
export const TAMPER_CASES: readonly TamperCase[] = [
  UNTOUCHED,
  ...CONTENT_CASES,
  ...ABSENCE_CASES,
  ...EXTRA_CASES,
  ...KEY_CASES,
  ...SIGNED_CASES,
  ...REMEMBERED_CASES,
  ...VERSION_CASES,
  ...LOCK_CASES,
  ...VIEW_CASES,
];
