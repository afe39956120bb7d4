import type { Kit } from "../kit.ts";
import { battlecard } from "./battlecard.ts";
import { certification } from "./certification.ts";
import { evaluation } from "./evaluation.ts";
import { framework } from "./framework.ts";
import { signals } from "./signals.ts";

/** The kits of the sample workspace. */
export const KITS: readonly Kit[] = [framework, battlecard, signals, certification, evaluation];

/** A kit, and which of its versions. */
export interface KitVersion {
  readonly kit: Kit;
  readonly version: number;
  readonly versionId: string;
}

/** By code, which means its current version, or by the id of a version. Undefined when there is none. */
export function findKit(by: { readonly code?: string; readonly versionId?: string }): KitVersion | undefined {
  for (const kit of KITS) {
    const version = by.versionId === undefined ? kit.versions.length - 1 : kit.versions.indexOf(by.versionId);
    const versionId = kit.versions[version];
    if (versionId !== undefined && (by.versionId !== undefined || by.code === kit.code)) {
      return { kit, version, versionId };
    }
  }
  return undefined;
}
