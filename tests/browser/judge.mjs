// Judges pages in one headless Chromium: `node judge.mjs CHROMIUM`, told what to do by a line of JSON on standard input for each page:
// {url, looks, script, keys, fill, click, screenshot}. It opens the page, fills in fields by their labels, clicks a button by its name, presses
// the keys, tries each of `looks` ([colour scheme, width]), and prints a line of JSON: {violations, passes, isWide, focused, url, status, text,
// hosts, console}, or {error}. `violations` are those that axe-core finds; `focused` is what has the focus after each key. axe runs as a
// debugger does, so the page's policy stays.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { answerLines } from "./lines.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HEIGHT = 800;
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const FOCUSED = () => {
    const { activeElement: found } = document;
    const style = getComputedStyle(found);
    const name = found.getAttribute("aria-label") ?? found.labels?.[0]?.childNodes[0].textContent.trim() ?? found.textContent.trim();
    return { tag: found.localName, name: name.slice(0, 60), isMarked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 };
};

async function judged(context, { url, keys, fill, click, looks, screenshot }) {
    const page = await context.newPage();
    const result = { violations: [], passes: 0, isWide: false, focused: [], hosts: [], console: [] };
    page.on("request", (request) => /^https?:/.test(request.url()) && result.hosts.push(new URL(request.url()).host));
    page.on("console", (message) => message.type() === "error" && result.console.push(message.text()));
    page.on("pageerror", (error) => result.console.push(error.message));
    let response = await page.goto(url, { waitUntil: "networkidle" });
    for (const [label, value] of Object.entries(fill)) await page.getByLabel(label).fill(value);
    if (click) {
        const loaded = page.waitForResponse((answer) => answer.request().isNavigationRequest());
        await page.getByRole("button", { name: click }).click();
        response = await loaded;
        await page.waitForLoadState("networkidle");
    }
    for (const key of keys) {
        await page.keyboard.press(key);
        result.focused.push(await page.evaluate(FOCUSED));
    }
    const opened = (isOpen) => page.evaluate((open) => document.querySelectorAll("details").forEach((details) => Object.assign(details, { open })), isOpen);
    if (looks.length > 0) await page.evaluate(AXE);
    for (const [colorScheme, width] of looks) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: HEIGHT });
        await opened(true);
        const found = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), TAGS);
        const spelled = ({ id, impact, nodes }) => `${colorScheme} ${width}: ${id} (${impact}): ${nodes.map((node) => node.html).join(" ").slice(0, 500)}`;
        result.violations.push(...found.violations.map(spelled));
        result.passes += found.passes.length;
        result.isWide ||= await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
        await opened(false);
        await page.screenshot({ path: screenshot.replace(".png", `-${colorScheme}-${width}.png`) });
    }
    return { ...result, url: page.url(), status: response.status(), text: await page.evaluate(() => document.body.innerText) };
}

const contextOf = ({ script }) => ({ viewport: { width: 1100, height: HEIGHT }, javaScriptEnabled: script });
await answerLines(["--no-sandbox", "--no-first-run", "--disable-background-networking"], contextOf, judged);
