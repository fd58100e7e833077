// Reads an image as itk-vtk-viewer does: `node read_itk.mjs CHROMIUM ORIGIN SOURCE`. It loads the viewer from ORIGIN and prints a line of
// JSON, with an object for each level of the image at SOURCE: {size, spacing, type, sum, corner}, axes from x to z; or it fails.
import { chromium } from "playwright-core";

const [executablePath, origin, source] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
    const page = await browser.newPage();
    await page.goto(`${origin}/itk.html`);
    await page.addScriptTag({ url: `${origin}/itkVtkViewer.js` });
    const levels = await page.evaluate(async (source) => {
        const image = await itkVtkViewer.utils.toMultiscaleSpatialImage(new URL(source));
        const read = async (_, scale) => {
            const { size, spacing, imageType, data } = await image.getImage(scale);
            const sum = data.reduce((sum, value) => sum + value, 0);
            return { size: [...size], spacing: [...spacing], type: imageType.componentType, sum, corner: [...data.slice(0, 4)] };
        };
        return Promise.all(image.scaleInfo.map(read));
    }, source);
    console.log(JSON.stringify(levels));
} finally {
    await browser.close();
}
