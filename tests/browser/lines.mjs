// The loop of a program that looks at pages for tests: one headless Chromium, one line of JSON in and one out for each page.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** Answer each line of standard input with what `look(context, wanted)` returns, or with {error}; each page has a context of its own. */
export async function answerLines(args, contextOf, look) {
    const [executablePath] = process.argv.slice(2);
    const browser = await chromium.launch({ executablePath, headless: true, args });
    try {
        for await (const line of createInterface({ input: process.stdin })) {
            const wanted = JSON.parse(line);
            const context = await browser.newContext(contextOf(wanted));
            try {
                console.log(JSON.stringify(await look(context, wanted)));
            } catch (error) {
                console.log(JSON.stringify({ error: String(error.stack) }));
            } finally {
                await context.close();
            }
        }
    } finally {
        await browser.close();
    }
}
