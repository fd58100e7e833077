/** HTML elements, made from their properties. */

type Content = (Node | string)[];

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...content: Content
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...content);
  return element;
}

export function button(text: string, title: string, onClick: () => void): HTMLButtonElement {
  return make("button", { type: "button", textContent: text, title, onclick: onClick });
}

/** A control behind its name. */
export function labelled(name: string, control: HTMLElement): HTMLLabelElement {
  return make("label", {}, `${name} `, control);
}

export function select(options: readonly string[], onChange: () => void = () => {}): HTMLSelectElement {
  const element = make("select", { onchange: onChange });
  element.append(...options.map((value) => make("option", { value, textContent: value })));
  return element;
}
