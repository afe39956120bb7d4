/** The client of the Storage Write API, which is loaded only for `storage_write`. */
export { adapt, managedwriter } from "@google-cloud/bigquery-storage";
export { credentials } from "@grpc/grpc-js";
