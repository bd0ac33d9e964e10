// The pages during problems, including problems of the exporter itself.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { account, browser, demo, eventually, hostnames, look, open, ready, serve, simulator } from "./harness.mjs";

after(() => browser.close());

test("the page is refreshed in place and keeps scroll position and focus", async (t) => {
  const api = await simulator(t);
  const program = await serve(t, account(api, [`name = "example.com"\ndiscover = true\ndiscovered_expect = "enabled"`]));
  await ready(program);
  const page = await open(t, program, "/?sort=hostname", { clock: true, width: 360 });
  await page.evaluate(() => { window.marked = true; });
  await page.getByRole("link", { name: "api.example.com" }).focus();
  await page.evaluate(() => scrollTo(0, 300));
  await api.ask("PATCH", "zones/example.com/hostnames/api.example.com", { enabled: false });
  await eventually(async () => assert.match(await (await program.get("/api/v1/hostnames?q=api.")).text(), /is disabled/));
  const drifted = page.getByRole("row").filter({ hasText: "api.example.com" }).getByText("expected enabled, is disabled");
  assert.equal(await drifted.count(), 0);
  await page.clock.runFor(31_000);
  await drifted.waitFor();
  assert.equal(await page.evaluate(() => scrollY), 300);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "api.example.com");
  assert.equal(await page.evaluate(() => window.marked), true);
  assert.match(await page.locator("#age").textContent(), /^updated \d s ago$/);
});

test("the page reports an unreachable exporter and keeps the last readings", async (t) => {
  const program = await demo(t);
  const page = await open(t, program, "/", { clock: true, allowed: ["ERR_CONNECTION_REFUSED"] });
  const shown = await hostnames(page);
  assert.ok(shown.length > 0);
  await program.stop();
  await page.clock.runFor(31_000);
  await page.getByText("The exporter does not answer: this page shows the last known state.").waitFor();
  await page.clock.runFor(120_000);
  assert.match(await page.locator("#age").textContent(), /^not updated for [23] min$/);
  assert.deepEqual(await hostnames(page), shown);
  await look(page);
});

test("during an outage of the API, the last readings stay and a banner shows since when and why", async (t) => {
  const api = await simulator(t);
  const program = await serve(t, account(api, [`name = "example.com"\ndiscover = true`]));
  await ready(program);
  await api.stop();
  const page = await open(t, program, "/");
  await eventually(async () => {
    await page.reload();
    assert.match(await page.locator("main").textContent(), /Account default/);
  });
  assert.ok((await hostnames(page)).includes("intranet.example.com"));
  assert.match(await page.locator(".note").first().textContent(), /Check DNS, the firewall/);
  await page.getByRole("link", { name: "Zones", exact: true }).click();
  await page.getByText("not read: no connection could be made").waitFor();
  await look(page);
});

test("an unreadable zone is never shown as one without hostnames", async (t) => {
  const api = await simulator(t);
  await api.ask("POST", "faults", { path: "origin_tls_client_auth", effect: { status: { status: 403, code: 10000 } } });
  const program = await serve(t, account(api, [`name = "example.com"\ndiscover = true`]));
  await ready(program);
  for (const [width, scheme] of [[360, "light"], [1400, "dark"]]) {
    const page = await open(t, program, "/", { width, scheme });
    await page.getByRole("heading", { level: 1, name: "1 zone cannot be read" }).waitFor();
    await page.getByText("Give the token the permission").waitFor();
    assert.equal(await page.getByText("No hostname has an association").count(), 0);
    await look(page);
  }
});

test("the command to run is one click away, and its runbook another", async (t) => {
  const api = await simulator(t);
  await api.ask("POST", "faults", { path: "hostnames/api.example.com", effect: { status: { status: 403, code: 10000 } } });
  const names = (zone, labels) =>
    `name = "${zone}"\nstrategy = "get"\nhostnames = [${labels.map((label) => `"${label}.${zone}"`)}]`;
  const zones = [names("example.com", ["intranet", "legacy", "api"]), names("example.org", ["build"])];
  const program = await serve(t, account(api, zones));
  await ready(program);
  for (const [hostname, command, runbook] of [
    ["intranet.example.com", /^cloudflare-aop-exporter certificate rotate [0-9a-f-]{36} --to [0-9a-f-]{36} --zone example\.com$/, "CloudflareAopCertificateExpired"],
    ["legacy.example.com", /^cloudflare-aop-exporter hostname enable legacy\.example\.com --cert-id [0-9a-f-]{36} --zone example\.com --wait$/, "CloudflareAopHostnameDrifted"],
    ["build.example.org", /^cloudflare-aop-exporter hostname enable build\.example\.org --cert-id [0-9a-f-]{36} --zone example\.org --wait$/, "CloudflareAopDeploymentTimedOut"],
    ["api.example.com", /^cloudflare-aop-exporter check --zone example\.com --hostname api\.example\.com --log-level debug$/, "CloudflareAopReadingsStale"],
  ]) {
    const page = await open(t, program, "/", { width: 360, scheme: "dark" });
    await page.getByRole("link", { name: hostname }).click();
    const commands = await page.locator(".note pre").allTextContents();
    assert.ok(commands.some((one) => command.test(one)), `${hostname}: ${commands}`);
    await look(page);
    await page.getByRole("link", { name: /^Runbook: / }).first().click();
    assert.equal(await page.locator("h2:target").textContent(), runbook);
  }
});
