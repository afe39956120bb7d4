import type { Route } from "./answer.ts";

export interface Found {
  readonly route: Route;
  readonly parameters: readonly string[];
}

/**
 * Gives the function that finds the route of a method and a path: the route, else the methods that this path has, of
 * which there may be none.
 */
export function router(routes: readonly Route[]): (method: string, path: string) => Found | { methods: string[] } {
  const compiled = routes.map((route) => ({
    route,
    path: new RegExp(`^${route.template.replace(/\{\w+\}/g, "([^/]+)")}$`),
  }));
  return (method, path) => {
    const methods: string[] = [];
    for (const { route, path: pattern } of compiled) {
      const match = pattern.exec(path);
      if (match === null) continue;
      if (route.method === method) return { route, parameters: match.slice(1).map(decoded) };
      methods.push(route.method);
    }
    return { methods };
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // names nothing, and so ends as 404
  }
}
