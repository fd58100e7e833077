// Opens pages in headless Chromium: `node drive.mjs`, told what to do by JSON on standard input:
// {chromium, url, loads, keys, isExact, screenshot}. It opens the page `loads` times in one browser, presses the keys after the last time,
// takes the screenshot, and prints {loads: [[request, ...], ...], console, text}: what was asked for until there was something to see, as the
// browser's network log has it. With `isExact` it stays until no overview is made of samples any more.
import { chromium } from "playwright-core";

const QUIET_MS = 1200;
const LONGEST_MS = 90_000;
const SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];
const ALONE = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

async function read(stream) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    return JSON.parse(Buffer.concat(parts).toString());
}

/** A log of what the page asks for: every request with its status, its bytes on the wire, whether a cache answered, and why it failed. */
async function logged(page) {
    const network = await page.context().newCDPSession(page);
    await network.send("Network.enable");
    const log = { requests: new Map(), last: Date.now() };
    const note = (id, facts) => {
        log.last = Date.now();
        log.requests.set(id, { ...log.requests.get(id), ...facts });
    };
    network.on("Network.requestWillBeSent", ({ requestId, request }) => {
        if (/^https?:/.test(request.url)) note(requestId, { method: request.method, url: request.url, isOpen: true, bytes: 0 });
    });
    const known = (then) => (event) => log.requests.has(event.requestId) && note(event.requestId, then(event));
    network.on("Network.requestServedFromCache", known(() => ({ isCached: true })));
    // The browser never says of a body that nobody reads that it has come; those of failures are not read.
    const answered = ({ response: { status, fromDiskCache } }) => ({
        status,
        ...(fromDiskCache && { isCached: true }),
        ...(status >= 400 && { isOpen: false }),
    });
    network.on("Network.responseReceived", known(answered));
    network.on("Network.loadingFinished", known(({ encodedDataLength }) => ({ isOpen: false, bytes: encodedDataLength })));
    network.on("Network.loadingFailed", known(({ errorText, canceled }) => ({ isOpen: false, failure: canceled ? "aborted" : errorText })));
    return log;
}

/** Wait for our viewer to say that it has drawn everything, for any other page to ask for nothing more. */
async function settled(page, log) {
    const end = Date.now() + LONGEST_MS;
    for (; Date.now() < end; await page.waitForTimeout(50)) {
        const state = await page.evaluate(() => document.getElementById("viewer")?.dataset.state);
        const isQuiet = Date.now() - log.last > QUIET_MS && ![...log.requests.values()].some((request) => request.isOpen);
        if (state ? state !== "loading" : isQuiet) return;
    }
    throw new Error(`${page.url()} has not settled within ${LONGEST_MS} ms`);
}

const wanted = await read(process.stdin);
const browser = await chromium.launch({ executablePath: wanted.chromium, headless: true, args: [...ALONE, ...SOFTWARE_GL] });
try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, deviceScaleFactor: 1 });
    const result = { loads: [], console: [], text: "" };
    for (let load = 1; load <= wanted.loads; load++) {
        const page = await context.newPage();
        const log = await logged(page);
        page.on("pageerror", (error) => result.console.push(error.message));
        page.on("console", (message) => message.type() === "error" && result.console.push(`${message.text()} ${message.location().url}`));
        await page.goto(wanted.url);
        await settled(page, log);
        result.loads.push([...log.requests.values()]);
        if (wanted.isExact) {
            await page.waitForFunction(() => document.getElementById("notice").hidden, null, { timeout: LONGEST_MS });
            await settled(page, log);
        }
        if (load === wanted.loads) {
            for (const key of wanted.keys) await page.keyboard.press(key);
            await settled(page, log);
            await page.waitForTimeout(200);
            await page.screenshot({ path: wanted.screenshot });
            result.text = await page.evaluate(() => document.body.innerText);
        }
        await page.close();
    }
    console.log(JSON.stringify(result));
} finally {
    await browser.close();
}
