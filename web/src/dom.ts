// Small helpers over the DOM. Nothing here writes markup from text, so no value can become markup.

type Child = Node | string | null | undefined | false;

function append(element: Element, children: Child[]): void {
    for (const child of children) if (child) element.append(child);
}

export function h<K extends keyof HTMLElementTagNameMap>(
    tag: K,
    attributes: Record<string, string> = {},
    ...children: Child[]
): HTMLElementTagNameMap[K] {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    append(element, children);
    return element;
}

export function s<K extends keyof SVGElementTagNameMap>(
    tag: K,
    attributes: Record<string, string | number> = {},
    ...children: Child[]
): SVGElementTagNameMap[K] {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    append(element, children);
    return element;
}

export function byId(id: string): HTMLElement {
    const element = document.getElementById(id);
    if (!element) throw new Error(`the page has no #${id}`);
    return element;
}

/** A button that opens what `hash` names; as a link, so that it can be copied and opened elsewhere. */
export function link(hash: string, attributes: Record<string, string>, ...children: Child[]): HTMLAnchorElement {
    return h("a", { href: hash, ...attributes }, ...children);
}

/** Lets `draw` put new children into `box`; a person who is on one of its links by keyboard stays there. */
export function keepFocus(box: Element, draw: () => void): void {
    const active = document.activeElement;
    const href = active && box.contains(active) ? active.getAttribute("href") : null;
    draw();
    if (!href) return;
    box.querySelector<HTMLElement | SVGElement>(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
}
