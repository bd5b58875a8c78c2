// What the objects that others point at are called: each is asked for once.
import { shallowReactive } from "vue";
import { nameOf, retrieve } from "./ngsi.ts";

const most = 5000;
const names = shallowReactive(new Map<string, string>());
const asked = new Set<string>();

/** The name, or its id until the name is known and where nothing has that id. */
export function nameOfId(id: string): string {
    if (!asked.has(id) && asked.size < most) {
        asked.add(id);
        retrieve(id).then(
            (entity) => names.set(id, nameOf(entity)),
            () => undefined,
        );
    }
    return names.get(id) ?? id;
}
