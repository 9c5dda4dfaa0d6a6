// Opens the demo's dashboard in a headless Chromium, signed in, and writes a picture.
// usage: node screenshot.mjs BROWSER AUTH_JSON ADDRESS PICTURE [WIDTHxHEIGHT]
import fs from "node:fs";
import { chromium } from "playwright-core";

const [executablePath, authFile, address, picture, size = "1600x1200"] = process.argv.slice(2);
const [width, height] = size.split("x").map(Number);
const { hassTokens } = JSON.parse(fs.readFileSync(authFile, "utf-8"));
const PATIENCE_MS = 60_000;

// As root, and in most containers, Chromium's sandbox cannot start; the only page is our own.
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const context = await browser.newContext({ viewport: { width, height }, locale: "en-GB" });
  await context.addInitScript((tokens) => {
    localStorage.setItem("hassTokens", JSON.stringify(tokens));
    localStorage.setItem("selectedLanguage", '"en"');
    localStorage.setItem("dockedSidebar", '"always_hidden"');
  }, hassTokens);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(address, { waitUntil: "domcontentloaded" });
  await page.locator("hui-tile-card, hui-card").first().waitFor({ timeout: PATIENCE_MS });
  await page.waitForTimeout(4000); // graphs fetch their history after the cards are there
  await page.screenshot({ path: picture });
  const broken = await page.locator("hui-error-card").count();
  for (const fault of faults) console.error(`page error: ${fault}`);
  if (broken) {
    console.error(`${broken} cards show an error`);
    process.exitCode = 1;
  }
} finally {
  await browser.close();
}
