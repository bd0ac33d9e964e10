// Helpers of the browser tests: programs that end with their test, and pages whose errors and requests are recorded.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(join(process.env.BROWSER_MODULES, "x.js"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const EXPORTER = process.env.EXPORTER;
const TOKEN = "simulated-token";

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium's sandbox does not run as root
  args: ["--no-sandbox"],
});

// what to do at the end of a test, the latest first, so that pages are closed before the program that serves them
const endings = new WeakMap();
function later(t, end) {
  const ends = endings.get(t) ?? [];
  if (ends.length === 0) {
    endings.set(t, ends);
    t.after(async () => { for (const one of ends.reverse()) await one(); });
  }
  ends.push(end);
}

// starts a program whose output names its listen address
export async function start(t, ...args) {
  const child = spawn(EXPORTER, args, { env: { ...process.env, CLOUDFLARE_API_TOKEN: TOKEN }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  const stop = async (signal = "SIGTERM") => {
    if (child.exitCode === null) child.kill(signal);
    await ended;
  };
  later(t, () => stop("SIGKILL"));
  let output = "";
  const address = await new Promise((resolve, reject) => {
    const read = (text) => {
      output += text;
      const found = /127\.0\.0\.1:[1-9]\d*/.exec(output);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    ended.then(() => reject(new Error(`${args} does not listen:\n${output}`)));
  });
  return { address, url: `http://${address}`, stop, get: (path) => fetch(`http://${address}${path}`) };
}

// starts a daemon with this configuration, which polls every second
export function serve(t, config) {
  const path = join(mkdtempSync(join(tmpdir(), "aop-")), "config.toml");
  writeFileSync(path, `[poll]\nschedule = "* * * * * *"\njitter = "0s"\n${config}`);
  return start(t, "serve", "--config", path, "--listen", "127.0.0.1:0");
}

export async function demo(t, ...args) {
  const program = await start(t, "demo", "--listen", "127.0.0.1:0", ...args);
  await ready(program);
  return program;
}

export async function simulator(t) {
  const program = await start(t, "simulate", "--listen", "127.0.0.1:0");
  const ask = async (method, path, body) => {
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
    const answer = await fetch(`${program.url}/_simulator/${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer.json();
  };
  return { ...program, ask };
}

export const account = (api, zones) =>
  `[[account]]\nbase_url = "${api.url}/client/v4"\nrate_limit = { requests = 100000, per = "1m" }\n` +
  zones.map((zone) => `[[account.zone]]\n${zone}\n`).join("");

export const ready = (program) => eventually(async () => assert.equal((await program.get("/-/ready")).status, 200));

// repeats an attempt until it no longer throws
export async function eventually(attempt, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

// opens a page. `page.requests` records the requested addresses. At the end of the test, there must have been no error
// in the console except those in `allowed`, and no request to another origin
export async function open(t, program, path, { width = 1400, scheme = "light", allowed = [], clock = false, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, ...more });
  const page = await context.newPage();
  // slow machines must not cause failures
  page.setDefaultTimeout(60_000);
  const wrong = [];
  page.requests = [];
  page.on("console", (message) => {
    if (!allowed.some((one) => message.text().includes(one))) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  page.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url().startsWith("data:")) return;
    page.requests.push(request.url());
    if (!request.url().startsWith(`${program.url}/`)) wrong.push(`request: ${request.url()}`);
  });
  page.finish = async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  };
  later(t, page.finish);
  if (clock) await page.clock.install();
  await page.goto(program.url + path);
  return page;
}

// returns the violations that axe finds, and true if the page scrolls sideways
export async function look(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
  });
  assert.deepEqual(found, [], page.url());
  const [needed, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(needed <= width, `${page.url()} is ${needed} wide on ${width}`);
}

export const hostnames = (page) => page.locator(".list tbody tr td:nth-child(2) a").allTextContents();
