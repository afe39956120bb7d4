/** Google's client, in a file of its own that is loaded only when a dataset is opened. */
export { BigQuery } from "@google-cloud/bigquery";
export { GoogleAuth, Impersonated, OAuth2Client } from "google-auth-library";
