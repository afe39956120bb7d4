import { createRequire } from "node:module";
import type { AuthClient } from "google-auth-library";
import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject } from "../../core/json.ts";
import type { BigqueryConfig } from "./config.ts";

const SCOPES = ["https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform"];
const LONGEST_TOKEN_MS = 365 * 86_400_000;

/** What signs requests where the driver does not find it out by itself: a given token, or another account's name. */
export async function authClientOf(config: BigqueryConfig): Promise<AuthClient | undefined> {
  if (config.access_token !== undefined) {
    const { default: auth } = await import("google-auth-library");
    const client = new auth.OAuth2Client();
    client.setCredentials({ access_token: config.access_token, expiry_date: Date.now() + LONGEST_TOKEN_MS });
    return client;
  }
  const { impersonate_service_account: targetPrincipal } = config;
  if (targetPrincipal === undefined) return undefined;
  const { default: auth } = await import("google-auth-library");
  const sourceClient = await new auth.GoogleAuth({ ...keysOf(config), scopes: SCOPES }).getClient();
  return new auth.Impersonated({ sourceClient, targetPrincipal, targetScopes: SCOPES, lifetime: 3_600 });
}

/** How the driver is told of the keys; nothing where it looks for the application default credentials. */
export function keysOf(config: BigqueryConfig): { keyFilename?: string; credentials?: JsonObject } {
  if (config.credentials_json !== undefined) return { credentials: credentialsIn(config.credentials_json) };
  return config.credentials_path === undefined ? {} : { keyFilename: config.credentials_path };
}

/** The same for the Storage Write API, which speaks gRPC. */
export async function storageOptions(config: BigqueryConfig): Promise<object> {
  const [host, port] = config.storage_endpoint?.split(":") ?? [];
  const authClient = await authClientOf(config);
  const own = { ...keysOf(config), ...(authClient === undefined ? {} : { authClient }) };
  if (host === undefined) return own;
  if (port === undefined) return { ...own, apiEndpoint: host };
  return { ...own, apiEndpoint: host, port: Number(port), sslCreds: grpcOf(STORAGE).credentials.createInsecure() };
}

const STORAGE = "@google-cloud/bigquery-storage";

/** The gRPC that a package of Google's uses: it does not take credentials of another copy. */
function grpcOf(name: string): { readonly credentials: { createInsecure(): object } } {
  const its = createRequire(createRequire(import.meta.url).resolve(name));
  return (its("google-gax") as { readonly grpc: ReturnType<typeof grpcOf> }).grpc;
}

function credentialsIn(text: string): JsonObject {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) return json;
  } catch {
    // what it is, is a secret
  }
  throw new EltError("CONFIG_INVALID", '"credentials_json" is not the JSON of a key file');
}
