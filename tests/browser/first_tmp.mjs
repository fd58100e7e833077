import { chromium } from "playwright-core";
const [exe, a, b, n] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: exe, headless: true, args: ["--no-sandbox","--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"] });
const times = [[], []];
for (let i = 0; i < Number(n) * 2; i++) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  const start = performance.now();
  await page.goto([a, b][i % 2]);
  await page.waitForFunction(() => document.getElementById("viewer").dataset.state === "ready", null, { polling: 20 }).catch(async () => { while (await page.evaluate(() => document.getElementById("viewer").dataset.state) !== "ready") await page.waitForTimeout(10); });
  times[i % 2].push(performance.now() - start);
  await context.close();
}
const median = (list) => [...list].sort((x, y) => x - y)[Math.floor(list.length / 2)];
console.log("first", median(times[0]).toFixed(0), "second", median(times[1]).toFixed(0), "ratio", (median(times[1]) / median(times[0])).toFixed(3), JSON.stringify(times.map((l) => l.map(Math.round))));
await browser.close();
