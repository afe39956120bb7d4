import { setFlagsFromString } from "node:v8";

/**
 * Keeps a program that waits most of its time, and makes much short-lived garbage in between, small: V8 would let its
 * heap grow to four times of what is in use before it looks for garbage. Reading 1,000 calls took
 * 111 MB with it and 173 MB without, for a quarter more CPU. Both flags are looked at whenever V8 thinks of growing, so they can be set late.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=40");
}
