// Chromium against the server's pages, with the CA imported as a person would and a virtual authenticator: signing in,
// passkeys, the dialog before something that changes access, what a thief does, and signing out without use.
//
// browser.mjs ORIGIN CA.pem USERNAME USER.json PASSWORD [DIRECTORY for screenshots]
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "./chromium.mjs";

const [origin, ca, username, user, password, shots] = process.argv.slice(2);
const { totp_secret } = JSON.parse(readFileSync(user, "utf8"));

// RFC 6238, by somebody else than us.
function code(at) {
  const bits = [...totp_secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

const { browser, close } = await open(ca);

try {
  const context = await browser.newContext();
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (said) => {
    // The browser itself names every answer above 399; what our pages refuse to run it names as well.
    if (said.type() === "error" && !said.text().startsWith("Failed to load resource")) faults.push(said.text());
  });
  const look = async (name) => shots && (await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true }));
  const alert = page.locator("#alert");

  await page.goto(origin);
  await page.waitForURL(`${origin}/login`);
  await look("login");
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Password", { exact: true }).fill("not the password, surely");
  await page.getByLabel("One-time code").fill("000000");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await alert.getByText("That was not accepted").waitFor();
  await look("refused");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("One-time code").fill(code(Date.now()));
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${origin}/account`);
  await page.getByText("this one").waitFor();

  const [cookie] = await context.cookies();
  assert.deepEqual(
    [cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path],
    ["__Host-medlock", true, true, "Strict", "/"],
  );
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);

  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.getByLabel("Name of the new passkey").fill("this laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByRole("cell", { name: "this laptop", exact: true }).waitFor();
  await page.getByLabel("Name of the new passkey").fill("the same again");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await alert.getByText("has a passkey of yours already").waitFor();
  await look("account");

  // Before what changes access, a factor that was shown just now. It was: one answer says that it was not.
  const refused = (route) => route.fulfill({ status: 403, json: { error: { code: "step_up_required", message: "" } } });
  await page.route("**/admin/v1/recovery-codes", refused, { times: 1 });
  await page.getByRole("button", { name: "Make new recovery codes" }).click();
  await page.getByRole("dialog").waitFor();
  await look("step-up");
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.getByText("Write these down now").waitFor();
  const codes = (await page.locator("#codes pre").textContent()).split("\n");
  assert.equal(codes.length, 10);
  assert.notEqual((await context.cookies())[0].value, cookie.value, "another token after the step-up");
  await look("codes");

  // Another site has the browser post with our cookie, and gets nowhere.
  const evil = await context.newPage();
  await evil.setContent(`<form method="post" action="${origin}/admin/v1/logout"></form>`);
  await evil.evaluate(() => document.forms[0].submit());
  await evil.waitForURL(`${origin}/admin/v1/logout`);
  assert.match(await evil.textContent("body"), /invalid_api_key|cross_site_request/);
  await evil.goto("about:blank");
  await evil.setContent(`<iframe src="${origin}/account"></iframe>`);
  await evil.waitForTimeout(500);
  assert.ok(!(await evil.frames()[1]?.content())?.includes("Your account"), "nobody frames us");
  await evil.close();
  await page.reload();
  await page.getByText("this one").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${origin}/login`);
  assert.deepEqual(await context.cookies(), []);
  let sent;
  page.on("request", (request) => {
    if (request.url().endsWith("/admin/v1/login/passkey")) sent = request.postData();
  });
  const withPasskey = () => page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await withPasskey();
  await page.waitForURL(`${origin}/account`);
  await page.getByText("this one").waitFor();
  const again = (body) =>
    page.evaluate(async (body) => (await fetch("/admin/v1/login/passkey", { method: "POST", body })).status, body);
  assert.equal(await again(sent), 401, "replayed");

  // A copy of the authenticator, as it was a while ago.
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
  const [{ signCount, ...key }] = credentials;
  assert.ok(signCount > 1);
  await cdp.send("WebAuthn.clearCredentials", { authenticatorId });
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...key, signCount: 1 } });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${origin}/login`);
  await withPasskey();
  await alert.getByText("That was not accepted").waitFor();
  await cdp.send("WebAuthn.clearCredentials", { authenticatorId });
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...key, signCount: signCount + 10 } });
  await withPasskey();
  await page.waitForURL(`${origin}/account`);

  // Who does nothing is warned, and then signed out.
  await page.clock.install();
  await page.reload();
  await page.getByText("this one").waitFor();
  await page.clock.fastForward("14:20");
  await page.getByText("You will be signed out in").waitFor();
  await look("warned");
  await page.clock.fastForward("01:00");
  await page.waitForURL(`${origin}/login`);

  assert.deepEqual(faults, []);
  console.log("signed in with a code and with a passkey; replayed, copied and cross-site ones refused");
} finally {
  await close();
}
