#!/usr/bin/env node
import { tap } from "../cli/tap.ts";
import { transcriptsTap } from "../cli/taps/transcripts.ts";

await tap(transcriptsTap, process.argv.slice(2));
