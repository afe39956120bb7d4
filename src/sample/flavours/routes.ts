import type { Account } from "../account.ts";
import type { Route } from "../answer.ts";
import { Body } from "../body.ts";
import type { Changes } from "../changes.ts";
import type { AccountOptions } from "../options.ts";
import type { Violations } from "../violations.ts";
import { callsFlavour } from "./calls.ts";
import { v3Flavour } from "./v3.ts";

interface Options extends AccountOptions {
  readonly violations: Violations;
  readonly mediaOrigin: () => string;
}

/** The routes of the flavours that are served; those that are not answer as a server that has never heard of them. */
export function flavourRoutes(account: Account, changes: Changes, options: Options): Route[] {
  const { flavours = "both", limitCap = 100, withoutDetail = false } = options;
  const calls = callsFlavour(account, changes, { ...options, limitCap });
  const v3 = v3Flavour(account, changes, { ...options, limitCap });
  const isServed = ({ template }: Route) => !withoutDetail || template !== "/api/v1/calls/{id}";
  const served = (flavours === "both" ? [...calls, ...v3] : flavours === "v3" ? v3 : calls).filter(isServed);
  const absent = [...calls, ...v3].filter(({ template }) => served.every((route) => route.template !== template));
  return [...served, ...absent.map(({ method, template }) => ({ method, template, answer: unheardOf }))];
}

const unheardOf = () => ({ status: 404, body: new Body("") });
