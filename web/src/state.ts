// What the page shows is in its address, so that a copied address shows the same: #lang=en&id=..., #type=... or
// #device=LINK/DEVICE.

export interface State {
    lang: "zh" | "en";
    id: string | undefined;
    type: string | undefined;
    /** LINK/DEVICE */
    device: string | undefined;
    offset: number;
}

export function readState(hash: string): State {
    const parameters = new URLSearchParams(hash.replace(/^#/, ""));
    const offset = Number(parameters.get("offset") ?? 0);
    return {
        lang: parameters.get("lang") === "en" ? "en" : "zh",
        id: parameters.get("id") ?? undefined,
        type: parameters.get("type") ?? undefined,
        device: parameters.get("device") ?? undefined,
        offset: Number.isInteger(offset) && offset > 0 ? offset : 0,
    };
}

export function writeState(state: Partial<State>): string {
    const parameters = new URLSearchParams();
    if (state.lang === "en") parameters.set("lang", "en");
    if (state.type) parameters.set("type", state.type);
    if (state.offset) parameters.set("offset", String(state.offset));
    if (state.device) parameters.set("device", state.device);
    if (state.id) parameters.set("id", state.id);
    return `#${parameters}`;
}
