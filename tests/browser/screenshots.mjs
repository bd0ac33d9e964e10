// Takes the screenshots in docs/images, as `just screenshots` does.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { account, browser, demo, eventually, open, ready, serve, simulator } from "./harness.mjs";
import { small } from "./png.mjs";

test("screenshots", async (t) => {
  const lively = await demo(t);
  const api = await simulator(t);
  await api.ask("POST", "faults", { path: "hostnames", effect: { status: { status: 403, code: 10000 } } });
  const dark = await serve(t, account(api, ["example.com", "example.org"].map((zone) => `name = "${zone}"\ndiscover = true`)));
  await ready(dark);
  for (const [name, program, path, width, height, scheme] of [
    ["overview", lively, "/", 1200, 900, "light"],
    ["overview-dark", lively, "/", 1200, 900, "dark"],
    ["overview-phone", lively, "/", 360, 780, "dark"],
    ["hostname", lively, "/hostnames/example.com/intranet.example.com", 1200, 760, "light"],
    ["search", lively, "/?q=www&sort=ends", 1200, 500, "light"],
    ["unreadable", dark, "/", 1200, 560, "light"],
  ]) {
    const page = await open(t, program, path, { width, scheme, viewport: { width, height } });
    await eventually(async () => {
      await page.reload();
      assert.notEqual(await page.getByRole("heading", { level: 1 }).textContent(), "Nothing has been read yet");
    });
    const picture = await small(page, await page.screenshot());
    assert.ok(picture.length <= 100_000, `${name}: ${picture.length} bytes`);
    writeFileSync(`../../docs/images/${name}.png`, picture);
    await page.finish();
  }
  await browser.close();
});
