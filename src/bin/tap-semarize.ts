#!/usr/bin/env node
import { tap } from "../cli/tap.ts";
import { semarizeTap } from "../cli/taps/semarize.ts";

await tap(semarizeTap, process.argv.slice(2));
