// What the city is called, what its types and attributes are called, and how they are shown: the settings of the
// console (GET /api/console) and the declarations of the packs.
import { computed, ref, shallowRef } from "vue";
import { setZone } from "./format.ts";
import { json } from "./http.ts";
import { pick, type Text } from "./words.ts";
import { say } from "../words/object.ts";

export interface Steps {
    by: string;
    steps?: { from: number; colour: string }[];
    codes?: Record<string, string>;
}
/** views/*.json of a pack, and those of the settings; schemas/view.schema.json. */
export interface ViewSpec {
    id: string;
    title: Text;
    type: string;
    columns: string[];
    chart?: string[];
    map?: { label?: string; colour?: Steps };
    pack?: string;
}
export interface FigureSpec {
    id: string;
    title: Text;
    type: string;
    q?: string;
    attribute?: string;
    aggregate: "count" | "sum" | "avg" | "max" | "min";
    unit?: { code?: string; text?: string };
    digits?: number;
    target?: { value: number; direction: "least" | "most"; words: Text };
    note?: Text;
}
export interface Settings {
    console: 1;
    version: string;
    open: boolean;
    city: Text;
    note?: Text;
    zone?: string;
    box?: [number, number, number, number];
    outlines?: { type: string; mark: Text; source: Text };
    water?: { type: string };
    tiles?: { url: string; attribution: Text; approval?: string };
    views: ViewSpec[];
    figures: FigureSpec[];
    labels?: {
        types?: Record<string, Text>;
        attributes?: Record<string, Text>;
        units?: Record<string, string>;
        links?: Record<string, Text>;
        protocols?: Record<string, string>;
    };
}
interface ModelAttribute {
    title: Text;
    unit?: { code: string; text?: string };
    codes?: Record<string, Text>;
    description?: Text;
}
export interface Model {
    type: string;
    title: Text;
    attributes: Record<string, ModelAttribute>;
}
export interface Pack {
    name: string;
    version: string;
    installed: string;
    state: string;
    title: Text;
    description?: Text;
    system?: string;
    clause?: { number: number; words: string };
    owner?: Text;
    proves?: Text;
    counts: Record<string, number>;
    models: Model[];
    views: ViewSpec[];
    files?: string[];
    rules?: { pack: string; id: string; kind: string; type: string; state: string }[];
    [more: string]: unknown;
}

export const settings = shallowRef<Settings>();
export const packs = shallowRef<Pack[]>([]);
export const failed = ref<unknown>();

export const loaded = ref(false);

let turn = 0;
let again: ReturnType<typeof setTimeout> | undefined;
/** Loads them, and again after packs have changed; the newest call counts, and is tried until it succeeds. */
export async function loadCity(): Promise<void> {
    const mine = ++turn;
    clearTimeout(again);
    try {
        const [own, list] = await Promise.all([json<Settings>("api/console"), json<Pack[]>("api/packs")]);
        if (mine !== turn) return;
        setZone(own.zone);
        settings.value = own;
        const whole = list.map(({ name }) => json<Pack>(`api/packs/${encodeURIComponent(name)}`));
        const next = await Promise.all(whole);
        if (mine !== turn) return;
        packs.value = next;
        failed.value = undefined;
        loaded.value = true;
    } catch (error) {
        if (mine !== turn) return;
        failed.value = error;
        again = setTimeout(() => void loadCity(), 2000);
    }
}

const models = computed(
    () => new Map(packs.value.flatMap((pack) => pack.models.map((one) => [one.type, one] as const))),
);
/** The settings' views go before those of packs on the same type: the city knows best what it wants to see. */
export const viewSpecs = computed<ViewSpec[]>(() => {
    const own = settings.value?.views ?? [];
    // By name, so that they stand as they stood before a restart.
    const byName = [...packs.value].sort((a, b) => (a.name < b.name ? -1 : 1));
    const more = byName.flatMap((pack) => pack.views.map((view) => ({ ...view, pack: pack.name })));
    return [...own, ...more.filter(({ type }) => !own.some((one) => one.type === type))];
});
export const viewOf = (type: string): ViewSpec | undefined => viewSpecs.value.find((one) => one.type === type);

const labels = computed(() => settings.value?.labels ?? {});
export const cityName = (): string => pick(settings.value?.city, "");
export const typeName = (type: string): string =>
    pick(
        labels.value.types?.[type] ?? models.value.get(type)?.title,
        type === "Alert" ? say("alertType") : type.split(/[/:]/).at(-1),
    );
function attributeModel(type: string | undefined, name: string): ModelAttribute | undefined {
    if (type !== undefined) return models.value.get(type)?.attributes[name];
    for (const model of models.value.values()) if (model.attributes[name]) return model.attributes[name];
    return undefined;
}
/** Short where the settings have a short word, else as the pack's model says it. */
export const attributeName = (name: string, type?: string): string =>
    pick(labels.value.attributes?.[name] ?? attributeModel(type, name)?.title, name);
export function unitOf(name: string, type: string | undefined, code?: string): string {
    const unit = attributeModel(type, name)?.unit;
    if (code === undefined) return unit ? (labels.value.units?.[unit.code] ?? unit.text ?? unit.code) : "";
    return labels.value.units?.[code] ?? (unit?.code === code ? unit.text : undefined) ?? code;
}
/** The word for a code, where the model has one. */
export const codeName = (name: string, type: string | undefined, value: unknown): string | undefined => {
    const codes = attributeModel(type, name)?.codes;
    const found = codes?.[String(value)];
    return found && pick(found);
};
export const linkName = (name: string): string => pick(labels.value.links?.[name], name);
export const protocolName = (name: string): string => labels.value.protocols?.[name] ?? name;
export const packTitle = (name: string): string => pick(packs.value.find((one) => one.name === name)?.title, name);

/** The colour that a view gives an object; undefined: it says nothing of it. */
export function colourOf(steps: Steps | undefined, value: unknown): string | undefined {
    if (!steps || value === undefined) return undefined;
    if (steps.codes) return steps.codes[String(value)];
    if (typeof value !== "number") return undefined;
    return steps.steps?.filter(({ from }) => value >= from).at(-1)?.colour;
}
