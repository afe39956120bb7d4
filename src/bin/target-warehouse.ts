#!/usr/bin/env node
import { target } from "../cli/target.ts";

await target(process.argv.slice(2));
