// Searching, filtering and sorting.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { browser, demo, eventually, hostnames, look, open } from "./harness.mjs";

after(() => browser.close());
const navigations = (page) => page.evaluate(() => window.marked !== true);

test("search shows matches while typing, without leaving the page", async (t) => {
  const page = await open(t, await demo(t), "/");
  await page.evaluate(() => { window.marked = true; });
  await page.locator("#q").pressSequentially("WWW.");
  await page.getByRole("heading", { name: "3 hostnames", exact: true }).waitFor();
  assert.equal(new URL(page.url()).search, "?q=WWW.");
  assert.deepEqual((await hostnames(page)).sort(), ["www.example.com", "www.example.org", "www.shop.example"]);
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await look(page);
  await page.locator("#q").fill("nothing-like-this");
  await page.getByText("No hostname matches.").waitFor();
  await look(page);
  await page.locator("#q").fill("");
  await page.getByText(/^(9|10) hostnames to look at$/).waitFor();
  assert.equal(new URL(page.url()).search, "");
  assert.equal(await navigations(page), false);
});

test("filters, orders and pages are links, and the back button leads back", async (t) => {
  const page = await open(t, await demo(t, "--hostnames", "1000"), "/");
  await page.getByRole("link", { name: "6 critical" }).click();
  assert.equal(new URL(page.url()).search, "?verdict=critical");
  assert.equal((await hostnames(page)).length, 6);
  assert.equal(await page.locator(".counts [aria-current]").textContent(), "6 critical");
  await page.getByRole("link", { name: "Hostname", exact: true }).click();
  assert.equal(new URL(page.url()).search, "?verdict=critical&sort=hostname");
  const names = await hostnames(page);
  assert.deepEqual(names, [...names].sort());
  assert.equal(await page.getByRole("columnheader", { name: "Hostname" }).getAttribute("aria-sort"), "ascending");
  await page.getByRole("link", { name: "remove the filter verdict: critical" }).click();
  assert.equal((await hostnames(page)).length, 200);
  const first = await hostnames(page);
  await page.getByRole("link", { name: "next page" }).click();
  const second = await hostnames(page);
  assert.ok(second[0] > first.at(-1), `${second[0]} after ${first.at(-1)}`);
  await look(page);
  await page.goBack();
  assert.deepEqual(await hostnames(page), first);
  for (let pages = 1; pages < 5; pages += 1) await page.getByRole("link", { name: "next page" }).click();
  assert.equal(await page.getByRole("link", { name: "next page" }).count(), 0);
  await page.getByRole("link", { name: "first page" }).click();
  assert.deepEqual(await hostnames(page), first);
});

test("a search is kept when going to a hostname and back", async (t) => {
  const page = await open(t, await demo(t), "/?zone=example.org");
  await page.locator("#q").fill("docs");
  await page.getByRole("heading", { name: "1 hostname", exact: true }).waitFor();
  assert.equal(new URL(page.url()).search, "?q=docs&zone=example.org");
  await page.getByRole("link", { name: "docs.example.org" }).click();
  await page.getByRole("heading", { name: "docs.example.org" }).waitFor();
  await page.goBack();
  assert.deepEqual(await hostnames(page), ["docs.example.org"]);
  assert.equal(await page.locator("#q").inputValue(), "docs");
});

test("a week of the timeline links to the certificates that end then", async (t) => {
  const page = await open(t, await demo(t), "/");
  await page.locator("svg.weeks a").first().click();
  assert.equal((await hostnames(page))[0], "docs.example.org");
});

test("everything works without JavaScript", async (t) => {
  const page = await open(t, await demo(t, "--hostnames", "300"), "/", { javaScriptEnabled: false });
  assert.match(await page.locator("#age").textContent(), /^at \d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
  await page.locator("#q").fill("www.example");
  await page.getByRole("button", { name: "Search" }).click();
  assert.deepEqual((await hostnames(page)).sort(), ["www.example.com", "www.example.org"]);
  await page.locator("#q").fill("mirror");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: "1 warning" }).click();
  assert.deepEqual(await hostnames(page), ["mirror.example.org"]);
  await page.getByRole("link", { name: "remove all" }).click();
  await page.getByRole("link", { name: "Certificate ends" }).click();
  assert.equal((await hostnames(page))[0], "intranet.example.com");
  await page.getByRole("link", { name: "next page" }).click();
  assert.equal((await hostnames(page)).length, 100);
});

test("one of 100,000 hostnames is found quickly", async (t) => {
  const page = await open(t, await demo(t, "--hostnames", "100000"), "/");
  await eventually(async () => {
    await page.reload();
    assert.match(await page.getByText(/^shop\.example: /).textContent(), /: 33\d\d\d hostnames/);
  }, 120);
  await look(page);
  const one = (await (await fetch(`${new URL(page.url()).origin}/api/v1/hostnames?zone=shop.example&limit=1000`)).json()).items[777].hostname;
  await page.locator("#q").fill(one);
  await page.getByRole("heading", { name: "1 hostname", exact: true }).waitFor();
  assert.deepEqual(await hostnames(page), [one]);
  await page.locator("#q").fill("");
  await page.getByText(/^(9|10) hostnames to look at$/).waitFor();
  await page.getByRole("link", { name: "Certificate ends" }).click();
  await page.getByRole("heading", { name: "100000 hostnames" }).waitFor();
  assert.equal((await hostnames(page)).length, 200);
  await look(page);
});
