// Opens pages in one headless Chromium: `node drive.mjs CHROMIUM`, told what to do by a line of JSON on standard input for each page:
// {url, loads, actions, isExact, screenshot, size, scheme}. It opens the page `loads` times in a context of its own (no cache, no storage of earlier
// pages), acts after the last time ([name of one of ACTIONS, its arguments, ...]), takes the screenshot, and prints a line of JSON:
// {loads: [[request, ...], ...], console, text, said}, or {error}; `said` has what actions return. A load lists what was asked for until there was something to see, as the
// browser's network log has it, and if it acts, until there was something to see again. With `isExact` it stays until no overview is
// made of samples any more.
import { readFileSync } from "node:fs";
import { ACTIONS as EXPLORING } from "./acting.mjs";
import { answerLines } from "./lines.mjs";

const QUIET_MS = 1200;
const BREATH_MS = 300;
const LONGEST_MS = 90_000;
const LONGEST_WAIT_MS = 30_000;
const [WIDTH, HEIGHT] = [1280, 720];
const MIDDLE = [WIDTH / 2, HEIGHT / 2];
const SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];
const ALONE = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
const ACTIONS = {
    ...EXPLORING,
    press: (page, key) => page.keyboard.press(key),
    click: (page, name) => page.getByRole("button", { name }).click(),
    /** Pull the image so far; the way leads through the middle of the page. */
    drag: async (page, aside, down) => {
        await page.mouse.move(MIDDLE[0] - aside / 2, MIDDLE[1] - down / 2);
        await page.mouse.down();
        await page.mouse.move(MIDDLE[0] + aside / 2, MIDDLE[1] + down / 2, { steps: 5 });
        await page.mouse.up();
    },
    /** Go to another fragment of the address, and take a picture when all is drawn. */
    state: async (page, fragment, path) => {
        await page.evaluate(
            (fragment) =>
                new Promise((resolve) => {
                    addEventListener("hashchange", () => setTimeout(resolve), { once: true });
                    location.hash = fragment;
                }),
            fragment,
        );
        await ACTIONS.until(page, "document.getElementById('viewer').dataset.state === 'ready'");
        await page.waitForTimeout(200);
        await page.screenshot({ path });
    },
    /** Press the button of the pointer at one place, and let it go at another. */
    pull: async (page, fromX, fromY, toX, toY) => {
        await page.mouse.move(fromX, fromY);
        await page.mouse.down();
        await page.mouse.move(toX, toY, { steps: 5 });
        await page.mouse.up();
    },
    /** Turn the wheel over the middle of the page; downwards is away from the image. */
    turn: async (page, down) => {
        await page.mouse.move(...MIDDLE);
        await page.mouse.wheel(0, down);
    },
    /** Click the first button of a name, put what it has copied at the end of the page's text, and return it. */
    copy: async (page, name) => {
        await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
        await page.context().grantPermissions(["clipboard-read", "clipboard-write"]); // the headless shell asks nobody and refuses
        await page.getByRole("button", { name }).first().click();
        await page.locator("[data-state=copied]").waitFor();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        await page.evaluate((text) => document.body.append(text), copied);
        return [copied];
    },
    /** Give the control of a label a value: an option, a number, a colour, or true and false for a box. */
    set: async (page, label, value) => {
        await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
        const control = page.getByLabel(label, { exact: true });
        if (typeof value === "boolean") await control.setChecked(value);
        else if (await control.evaluate((element) => element.tagName === "SELECT")) await control.selectOption(value);
        else await control.fill(value);
        await control.dispatchEvent("change");
    },
    /** Put the pointer on points of the page, and return what the viewer says of each. */
    trace: async (page, points) => {
        const said = [];
        for (const [x, y] of points) {
            await page.mouse.move(x, y);
            await page.waitForFunction(() => document.getElementById("readout").dataset.state !== "reading");
            said.push(await page.locator("#readout").innerText());
        }
        return said;
    },
    /** Return the text of the first element that a selector finds, once it is there. */
    read: async (page, selector) => [await page.locator(selector).first().innerText()],
    /** Return what axe finds wrong with the page: https://github.com/dequelabs/axe-core */
    axe: async (page) => {
        await page.evaluate(readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8"));
        const { violations, passes } = await page.evaluate(() => window.axe.run());
        if (passes.length === 0) throw new Error("axe has looked at nothing");
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    },
    /** Click what a selector finds first. */
    hit: (page, selector) => page.locator(selector).first().click(),
    /** Choose an option of the field that a selector finds. */
    choose: async (page, selector, option) => void (await page.locator(selector).selectOption(option)),
    /** Choose an option of the list of a name. */
    select: async (page, name, option) => void (await page.getByRole("combobox", { name }).selectOption(option)),
    /** Drag over an element that a selector finds, from one fraction of its width to another. */
    sweep: async (page, selector, from, to) => {
        const { x, y, width, height } = await page.locator(selector).first().boundingBox();
        await page.mouse.move(x + from * width, y + height / 2);
        await page.mouse.down();
        await page.mouse.move(x + to * width, y + height / 2, { steps: 4 });
        await page.mouse.up();
    },
    /** Wait until the page of a table has read what it shows. */
    settle: async (page) => {
        await page.waitForTimeout(100);
        await ACTIONS.until(page, "document.getElementById('table').dataset.state !== 'loading'");
    },
    /** Wait until an expression is true; `waitForFunction` would compile it in the page, whose policy forbids that. */
    until: async (page, condition) => {
        const end = Date.now() + LONGEST_WAIT_MS;
        const holds = () => page.evaluate(`Boolean(${condition})`).catch(() => false); // the page may be loading another
        while (!(await holds())) {
            if (Date.now() > end) throw new Error(`${condition} is not true within ${LONGEST_WAIT_MS} ms`);
            await page.waitForTimeout(20);
        }
    },
    /** Return the value of an expression, as text. */
    value: async (page, expression) => [String(await page.evaluate(expression))],
    /** Click what a selector finds, and return the name of the file that the page then saves, and its size in pixels if it is a picture. */
    saved: async (page, selector) => download(page, () => page.locator(selector).first().click()),
    /** Press a key, and return what the page then saves as above. */
    "saved by": async (page, key) => download(page, () => page.keyboard.press(key)),
    /** Return the address of the page, once it has not changed for a moment. */
    address: async (page) => {
        await page.waitForTimeout(600);
        return [page.url()];
    },
    leave: (page) => page.goto("about:blank"),
    reload: (page) => page.reload(),
    /** Let the test do something: it listens at this address. */
    call: (_, url) => fetch(url),
    pause: (page, milliseconds) => page.waitForTimeout(milliseconds),
};

/** The name and the body of the file that the page saves when something is done. */
async function download(page, act) {
    const [file] = await Promise.all([page.waitForEvent("download"), act()]);
    const body = readFileSync(await file.path());
    return [file.suggestedFilename(), body.toString("base64")];
}

/** A log of what the page and its workers ask for: every request with its status, its bytes on the wire, whether a cache answered, and why it failed. */
async function logged(page) {
    const session = await page.context().newCDPSession(page);
    const log = { requests: new Map(), last: Date.now() };
    const note = (id, facts) => {
        log.last = Date.now();
        log.requests.set(id, { ...log.requests.get(id), ...facts });
    };
    const known = (then) => (event) => log.requests.has(event.requestId) && note(event.requestId, then(event));
    const handlers = {
        "Network.requestWillBeSent": ({ requestId, request, type, initiator }) => {
            // What becomes of a worker's own script is told to nobody.
            const isWorker = type === "Script" && initiator.type === "other";
            if (/^https?:/.test(request.url) && !isWorker) note(requestId, { method: request.method, url: request.url, isOpen: type !== "EventSource", bytes: 0 }); // a stream stays open
        },
        "Network.requestServedFromCache": known(() => ({ isCached: true })),
        // The browser never says of a body that nobody reads that it has come; those of failures are not read.
        "Network.responseReceived": known(({ response: { status, fromDiskCache } }) => ({
            status,
            ...(fromDiskCache && { isCached: true }),
            ...(status >= 400 && { isOpen: false }),
        })),
        "Network.loadingFinished": known(({ encodedDataLength }) => ({ isOpen: false, bytes: encodedDataLength })),
        "Network.loadingFailed": known(({ errorText, canceled }) => ({ isOpen: false, failure: canceled ? "aborted" : errorText })),
    };
    for (const [name, handle] of Object.entries(handlers)) session.on(name, handle);
    session.on("Target.attachedToTarget", ({ sessionId }) => {
        ["Network.enable", "Runtime.runIfWaitingForDebugger"].forEach((method, id) =>
            session.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id, method }) }),
        );
    });
    session.on("Target.receivedMessageFromTarget", ({ message }) => {
        const { method, params } = JSON.parse(message);
        handlers[method]?.(params);
    });
    await session.send("Network.enable");
    await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: false });
    return log;
}

/** Wait for our viewer to say that it has drawn everything, for any other page to ask for nothing more; neuroglancer also says whether it is ready. */
async function settled(page, log) {
    const end = Date.now() + LONGEST_MS;
    for (; Date.now() < end; await page.waitForTimeout(50)) {
        const [state, isReady] = await page.evaluate(() => [document.querySelector("#viewer, #table")?.dataset.state, window.viewer?.isReady?.() ?? true]);
        const isSilent = (ms) => Date.now() - log.last > ms && ![...log.requests.values()].some((request) => request.isOpen);
        // Our viewer says when it has loaded, but what it is told to do a moment later is not yet under way then.
        if (state ? state !== "loading" && isSilent(BREATH_MS) : isSilent(QUIET_MS) && isReady) return;
    }
    throw new Error(`${page.url()} has not settled within ${LONGEST_MS} ms`);
}

/** How a page is looked at; `size` is that of the window, `scheme` light or dark. */
function contextOf({ size: [width, height] = [WIDTH, HEIGHT], scheme = "light" }) {
    return { viewport: { width, height }, deviceScaleFactor: 1, colorScheme: scheme };
}

async function show(context, wanted) {
    const result = { loads: [], console: [], text: "", said: [] };
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
            for (const [name, ...rest] of wanted.actions) {
                const said = await ACTIONS[name](page, ...rest);
                if (Array.isArray(said)) result.said.push(...said);
            }
            await settled(page, log);
            if (wanted.actions.length > 0) result.loads[load - 1] = [...log.requests.values()];
            await page.waitForTimeout(200);
            await page.screenshot({ path: wanted.screenshot });
            result.text = await page.evaluate(() => document.body.innerText);
        }
        await page.close();
    }
    return result;
}

await answerLines([...ALONE, ...SOFTWARE_GL], contextOf, show);
