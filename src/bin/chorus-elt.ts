#!/usr/bin/env node
import { elt } from "../cli/elt.ts";

await elt(process.argv.slice(2));
