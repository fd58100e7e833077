/** Copies the address of the page. */

import { page } from "./page";

const HAS_KEY = /[?&]api_key=|\/k\/[^/]+\/view\//;

/** What the button says: people should know if they hand out their key. */
export function linkText(): string {
  return HAS_KEY.test(location.href) ? "Copy link: it holds your key" : "Copy link";
}

/** Put an address into the clipboard, and say so. */
export async function copy(address: string, button: HTMLElement | null): Promise<void> {
  await navigator.clipboard.writeText(address);
  if (button) button.dataset.state = "copied";
  page.said.textContent = "Copied";
}
