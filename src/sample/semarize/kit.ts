import type { Line } from "./transcript.ts";

export type BrickKind = "boolean" | "number" | "string" | "list";

/** What a brick has to say of a transcript. */
export interface Finding {
  readonly value: boolean | number | string | readonly string[] | null;
  /** Lines that show it; a brick that counts has none. */
  readonly evidence?: readonly Line[];
  readonly reason?: string;
}

export interface BrickDefinition {
  readonly key: string;
  readonly label: string;
  readonly kind: BrickKind;
}

/** A kit of the sample workspace: fixed rules in the place of a model, so that the same text gives the same answer. */
export interface Kit {
  /** Eight characters. */
  readonly code: string;
  readonly purpose: string;
  readonly name: string;
  /** The current one is the last. */
  readonly versions: readonly string[];
  readonly bricks: readonly BrickDefinition[];
  /** A finding for every brick. `version` is a place in `versions`. */
  score(lines: readonly Line[], version: number): Readonly<Record<string, Finding>>;
}

/** `budget_qualified` as `Budget qualified`. */
export function labelOf(key: string): string {
  return key.charAt(0).toUpperCase() + key.slice(1).replaceAll("_", " ");
}

export function brick(key: string, kind: BrickKind, label = labelOf(key)): BrickDefinition {
  return { key, label, kind };
}

/** Lines of a side, or of anyone, that match. */
export function said(lines: readonly Line[], pattern: RegExp, role?: Line["role"]): Line[] {
  return lines.filter((line) => (role === undefined || line.role === role) && pattern.test(line.text));
}

export function rounded(value: number, digits = 2): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

export const clamp = (value: number) => Math.min(100, Math.max(0, Math.round(value)));
