// Shows a Zarr image in vizarr, in headless Chromium: `node show.mjs SOURCE_URL VIZARR_JS SCREENSHOT`.
// Prints {requests: [[method, status, path], ...], errors, text}: what was asked of the image's server, what went wrong, what the page says.
import { createReadStream } from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [source, vizarr, screenshot] = process.argv.slice(2);
const QUIET_MS = 1500;
const LONGEST_MS = 60_000;
const SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu"];
const ALONE = ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const PAGES = {
    "/": { type: "text/html", file: fileURLToPath(new URL("host.html", import.meta.url)) },
    "/index.js": { type: "text/javascript", file: vizarr },
    "/no-jpx.js": { type: "text/javascript", text: "export class JpxImage { parse() { throw new Error('no JPEG 2000 here') } }" },
};

async function serve() {
    const server = http.createServer((request, response) => {
        const page = PAGES[new URL(request.url, "http://host").pathname];
        response.writeHead(page ? 200 : 404, { "content-type": page?.type ?? "text/plain" });
        if (page?.file) createReadStream(page.file).pipe(response);
        else response.end(page?.text ?? "");
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    return server;
}

function watch(page, image) {
    const seen = { requests: [], errors: [], open: 0, last: Date.now() };
    const isAsked = (request) => request.url().startsWith(image);
    const count = (change) => { seen.open += change; seen.last = Date.now(); };
    page.on("request", (request) => isAsked(request) && count(1));
    page.on("requestfailed", (request) => {
        if (!isAsked(request)) return;
        count(-1);
        seen.requests.push([request.method(), 0, `${new URL(request.url()).pathname} ${request.failure().errorText}`]);
    });
    // Not "requestfinished": a 404 whose body nobody reads never finishes.
    page.on("response", (response) => {
        if (!isAsked(response.request())) return;
        count(-1);
        seen.requests.push([response.request().method(), response.status(), new URL(response.url()).pathname]);
    });
    page.on("pageerror", (error) => seen.errors.push(error.message));
    page.on("console", (message) => {
        const isProbe = message.text().includes("404");
        if (message.type() === "error" && !isProbe) seen.errors.push(message.text());
    });
    return seen;
}

async function settled(page, seen) {
    const end = Date.now() + LONGEST_MS;
    const isQuiet = () => seen.requests.length > 0 && seen.open === 0 && Date.now() - seen.last > QUIET_MS;
    while (Date.now() < end && !isQuiet()) await page.waitForTimeout(100);
}

const server = await serve();
const executablePath = process.env.CHROMIUM;
const browser = await chromium.launch({ executablePath, headless: true, args: [...ALONE, ...SOFTWARE_GL] });
try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 800 }, deviceScaleFactor: 1 });
    const seen = watch(page, new URL(source).origin);
    await page.goto(`http://127.0.0.1:${server.address().port}/?source=${encodeURIComponent(source)}`);
    await settled(page, seen);
    await page.screenshot({ path: screenshot });
    const text = await page.evaluate(() => document.body.innerText);
    console.log(JSON.stringify({ requests: seen.requests, errors: seen.errors, text }));
} finally {
    await browser.close();
    server.close();
}
