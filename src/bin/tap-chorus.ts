#!/usr/bin/env node
import { tap } from "../cli/tap.ts";
import { chorusTap } from "../cli/taps/chorus.ts";

await tap(chorusTap, process.argv.slice(2));
