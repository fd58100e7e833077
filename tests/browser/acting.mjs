// What tests of the explore page and of tables do with it; each gets the page first, and returns a list if it has something to say.
const MOST_STOPS = 100;

/** Press a key until what has the focus has a name that begins so. */
async function focus(page, key, name) {
    for (let stop = 0; stop < MOST_STOPS; stop++) {
        await page.keyboard.press(key);
        const found = await page.evaluate(() => {
            const at = document.activeElement;
            return (at.getAttribute("aria-label") || at.title || at.labels?.[0]?.textContent || at.textContent).trim();
        });
        if (found.startsWith(name)) return;
    }
    throw new Error(`${MOST_STOPS} times ${key} do not reach ${name}`);
}

export const ACTIONS = {
    /** Click what has an ARIA role and a name. */
    pick: (page, role, name) => page.getByRole(role, { name, exact: true }).first().click(),
    /** Give the field of a label a text. */
    fill: (page, label, text) => page.getByLabel(label, { exact: true }).fill(text),
    /** Press Tab until what has the focus has a name that begins so. */
    tab: (page, name) => focus(page, "Tab", name),
    "shift tab": (page, name) => focus(page, "Shift+Tab", name),
    back: (page) => page.goBack(),
    /** Put the pointer on what a selector finds first. */
    hover: (page, selector) => page.locator(selector).first().hover(),
    /** Click twice on what a selector finds first. */
    twice: (page, selector) => page.locator(selector).first().dblclick(),
    /** Drag the right edge of what a selector finds first by some pixels. */
    stretch: async (page, selector, by) => {
        const { x, y, width, height } = await page.locator(selector).first().boundingBox();
        await page.mouse.move(x + width - 2, y + height / 2);
        await page.mouse.down();
        await page.mouse.move(x + width - 2 + by, y + height / 2, { steps: 4 });
        await page.mouse.up();
    },
    /** Tell the page that its data have changed. */
    refresh: (page) => page.evaluate(() => void document.dispatchEvent(new Event("refresh"))),
    resize: (page, width, height) => page.setViewportSize({ width, height }),
    /** Put the file that a button or a link downloads at a path. */
    save: async (page, role, name, path) => {
        const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole(role, { name, exact: true }).click()]);
        await file.saveAs(path);
    },
    /** Return the texts of all elements that a selector finds, once one is there. */
    list: async (page, selector) => {
        await page.locator(selector).first().waitFor();
        return page.locator(selector).evaluateAll((found) => found.map((element) => element.innerText ?? element.textContent));
    },
    /** Return an attribute of the first element that a selector finds, once it is there. */
    attribute: async (page, selector, name) => [await page.locator(selector).first().getAttribute(name)],
};
