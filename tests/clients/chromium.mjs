// Chromium, trusting our CA as a person would have it do.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export async function open(ca) {
  const home = mkdtempSync(join(tmpdir(), "medlock-browser-"));
  const trusted = join(home, ".pki", "nssdb");
  mkdirSync(trusted, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${trusted}`, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", `sql:${trusted}`, "-A", "-t", "C,,", "-n", "medlock", "-i", ca]);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
    env: { ...process.env, HOME: home },
  });
  return {
    browser,
    async close() {
      await browser.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
