// The look of each page on a phone and on a large screen, in light and dark mode.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { account, browser, demo, eventually, look, open, ready, serve, simulator } from "./harness.mjs";

after(() => browser.close());

const HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>";
const LONG = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(44)}.example.com`;

test("axe finds no violation, and no page scrolls sideways or requests anything else", async (t) => {
  const program = await demo(t);
  const { items } = await (await program.get("/api/v1/certificates")).json();
  const paths = [
    "/", "/?sort=ends", "/?q=nothing", "/hostnames/example.com/intranet.example.com",
    "/hostnames/example.com/legacy.example.com", "/certificates",
    `/certificates/${items[0].zone}/${items[0].cert_id}`, "/zones", "/runbooks", "/hostnames/example.com/none",
    "/?sort=wrong",
  ];
  for (const scheme of ["light", "dark"]) {
    for (const width of [360, 1400]) {
      for (const path of paths) {
        const page = await open(t, program, path, { width, scheme, allowed: ["status of 40"] });
        assert.deepEqual(page.requests, [program.url + path]);
        await look(page);
        if (path === "/") {
          await page.locator("#weeks summary").click();
          await look(page);
        }
        await page.finish();
      }
    }
  }
});

test("the layout does not shift while a page loads", async (t) => {
  const program = await demo(t);
  for (const width of [360, 1400]) {
    const page = await open(t, program, "/", { width });
    const moved = await page.evaluate(() => new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
        .observe({ type: "layout-shift", buffered: true });
      setTimeout(() => resolve(sum), 1500);
    }));
    assert.equal(moved, 0, `${width}`);
  }
});

test("malicious names are escaped, and long ones fit", async (t) => {
  const api = await simulator(t);
  await api.ask("PUT", `zones/example.com/hostnames/${LONG}`, { certificate: { issuer: HOSTILE } });
  const program = await serve(t, account(api, [`name = "example.com"\ndiscover = true`]));
  await ready(program);
  for (const width of [360, 1400]) {
    const page = await open(t, program, `/?q=${LONG.slice(0, 80)}`, { width });
    assert.equal(await page.getByText(HOSTILE).count(), 1);
    await look(page);
    await page.locator(".list tbody a").first().click();
    await page.getByRole("heading", { name: LONG }).waitFor();
    assert.equal(await page.getByText(HOSTILE).count(), 1);
    assert.equal(await page.locator("main img, main script").count(), 0);
    await look(page);
    await page.goto(`${program.url}/?q=${encodeURIComponent(HOSTILE)}`);
    assert.equal(await page.locator("#q").inputValue(), HOSTILE.toLowerCase());
    await look(page);
  }
});

test("stacked accents of a name do not reach into other rows", async (t) => {
  const api = await simulator(t);
  for (const [name, issuer] of [["plain", "CA"], ["heavy", `CA${"\u0301".repeat(120)}`]]) {
    await api.ask("PUT", `zones/example.com/hostnames/${name}.example.com`, { certificate: { issuer } });
  }
  const program = await serve(t, account(api, [`name = "example.com"\ndiscover = true`]));
  await ready(program);
  const around = async (name) => {
    const page = await open(t, program, `/hostnames/example.com/${name}.example.com`);
    // the accents may reach into an adjacent row, but not further
    const rows = ["Ends (PEM)", "Serial number"].map((text) => page.getByText(text, { exact: true }));
    // the dates beside these words differ
    await page.evaluate(() => { for (const one of document.querySelectorAll("dd")) if (!/^CA/.test(one.textContent)) one.textContent = "."; });
    const pictures = [];
    for (const row of rows) {
      const { x, y, height } = await row.boundingBox();
      pictures.push((await page.screenshot({ clip: { x, y, width: 600, height } })).toString("base64"));
    }
    return pictures;
  };
  assert.deepEqual(await around("heavy"), await around("plain"));
});

test("the title and the icon show the verdict", async (t) => {
  const program = await demo(t);
  const page = await open(t, program, "/");
  await eventually(async () => assert.equal(await page.title(), "(6) Authenticated Origin Pulls"));
  assert.match(await page.locator("link[rel=icon]").getAttribute("href"), /fill='%23d93025'/);
});
