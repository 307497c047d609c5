// People sign in through a real OpenID provider, in Chromium, and sign out there.
//
// sso.mjs MEDLOCK DIRECTORY MODELS [DIRECTORY for screenshots]. Runs itself again once there is a CA to be trusted.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { createServer as listener } from "node:net";
import { join } from "node:path";
import { open } from "./chromium.mjs";

const [medlock, dir, models, shots] = process.argv.slice(2);
const data = join(dir, "data");
const ca = join(data, "tls", "ca.pem");
const freePort = () =>
  new Promise((done) => {
    const server = listener().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

if (!process.env.SSO_DATA_READY) {
  mkdirSync(dir, { recursive: true });
  execFileSync(medlock, ["init", "--json"], { env: { ...process.env, MEDLOCK_DATA_DIR: data }, stdio: "pipe" });
  execFileSync(process.execPath, process.argv.slice(1), {
    stdio: "inherit",
    env: { ...process.env, NODE_EXTRA_CA_CERTS: ca, MEDLOCK_DATA_DIR: data, SSO_DATA_READY: "1" },
  });
  process.exit(0);
}

const { default: Provider } = await import("oidc-provider");
const [ours, theirs] = [await freePort(), await freePort()];
const [origin, issuer] = [`https://localhost:${ours}`, `https://localhost:${theirs}`];
const people = {
  grey: { sub: "grey", preferred_username: "dr.grey", groups: ["physicians"] },
  guest: { sub: "guest", preferred_username: "guest", groups: ["visitors"] },
};

const provider = new Provider(issuer, {
  clients: [{
    client_id: "medlock",
    client_secret: "the secret of medlock",
    redirect_uris: [`${origin}/login/sso/callback`],
    backchannel_logout_uri: `${origin}/login/sso/logout`,
  }],
  findAccount: (_, id) => ({ accountId: id, claims: () => people[id] }),
  claims: { openid: ["sub", "amr"], profile: ["preferred_username", "groups"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  // It would not talk to this machine.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  cookies: { keys: ["of this test only"] },
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
});
provider.on("backchannel.error", (_, error) => console.error("back-channel:", error));
const answer = provider.callback();
const secure = { cert: readFileSync(join(data, "tls/server.pem")), key: readFileSync(join(data, "tls/server.key")) };
const idp = createServer(secure, async (request, response) => {
  const signIn = request.url.startsWith("/sign-in/");
  if (signIn && request.method === "GET") {
    response.setHeader("content-type", "text/html");
    response.end(`<form method="post"><label>Who <input name="who"></label><button>Enter</button></form>`);
  } else if (signIn) {
    let form = "";
    for await (const chunk of request) form += chunk;
    const who = new URLSearchParams(form).get("who");
    await provider.interactionFinished(request, response, { login: { accountId: who, amr: ["pwd", "mfa"] } });
  } else {
    answer(request, response);
  }
}).listen(theirs, "127.0.0.1");

const config = join(data, "medlock.toml");
// Its last table is the model's.
const settings = `${readFileSync(config, "utf8").replace(/^dir *=.*$/m, "")}\ndir = "${models}"\n`;
writeFileSync(join(dir, "secret"), "the secret of medlock\n", { mode: 0o600 });
writeFileSync(config, `${settings}
[login]
origin = "${origin}"
[sso]
issuer = "${issuer}"
ca = "tls/ca.pem"
client_id = "medlock"
client_secret = "file:${join(dir, "secret")}"
roles = "clinician = physicians"
second_factor = "mfa"
`);
const cli = (...args) =>
  execFileSync(medlock, args, { env: { ...process.env, MEDLOCK_DATA_DIR: data }, stdio: ["pipe", "pipe", "inherit"] });
writeFileSync(join(dir, "password"), "a passphrase of this test only\n");
cli("user", "add", "joiners", "--role", "provisioner", "--password-file", join(dir, "password"));
const made = ["--owner", "joiners", "--role", "provisioner", "--purpose", "operations", "--days", "1"];
const API_KEY = cli("token", "create", "joiners", ...made).toString().trim();
const server = spawn(medlock, ["serve"], {
  env: { ...process.env, MEDLOCK_LISTEN: `127.0.0.1:${ours}` },
  stdio: ["ignore", "ignore", "pipe"],
});
let said = "";
server.stderr.on("data", (text) => (said += text));
for (let tries = 0; !/serving/.test(said); tries++) {
  assert.ok(server.exitCode === null && tries < 600, said);
  await new Promise((done) => setTimeout(done, 100));
}

const { browser, close } = await open(ca);
try {
  const page = await (await browser.newContext()).newPage();
  const look = async (name) => shots && (await page.screenshot({ path: join(shots, `${name}.png`) }));
  const enter = async (who) => {
    await page.goto(`${origin}/login`);
    await page.getByRole("link", { name: "Single sign-on" }).click();
    await page.getByLabel("Who").fill(who);
    await page.getByRole("button", { name: "Enter" }).click();
  };
  await enter("guest");
  await page.getByText("Single sign-on did not let you in").waitFor();
  await look("sso-refused");
  await page.context().clearCookies();

  await enter("grey");
  await page.waitForURL(`${origin}/account`);
  await page.getByText("dr.grey", { exact: true }).waitFor();
  await page.getByText("shown, just now").waitFor();
  await page.getByText("this one").waitFor();
  await look("sso-account");
  const began = Date.now();

  const elsewhere = await page.context().newPage();
  await elsewhere.goto(`${issuer}/session/end`);
  await elsewhere.getByRole("button").first().click();
  await elsewhere.waitForLoadState();
  await elsewhere.close();
  for (let tries = 0; ; tries++) {
    const status = await page.evaluate(async () => (await fetch("/admin/v1/whoami")).status);
    if (status === 401) break;
    assert.ok(tries < 100, `the session goes on: ${status}`);
    await page.waitForTimeout(50);
  }
  assert.ok(Date.now() - began < 60_000);
  const python = process.env.PYTHON ?? "python3";
  const env = { ...process.env, BASE_URL: origin, API_KEY, CA: ca };
  const joined = execFileSync(python, [join(import.meta.dirname, "scim.py")], { env, stdio: ["pipe", "pipe", "inherit"] });
  console.log(`signed in by groups, and signed out there ends it here; ${joined.toString().trim()}`);
} catch (error) {
  console.error(said);
  throw error;
} finally {
  await close();
  server.kill("SIGTERM");
  idp.close();
  idp.closeAllConnections();
}
process.exit(0);
