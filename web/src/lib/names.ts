// What the objects that others point at are called: each is asked for once.
import { shallowReactive } from "vue";
import { Problem } from "./http.ts";
import { nameOf, retrieve, type Entity } from "./ngsi.ts";

/** So many in one visit at most; those beyond it keep their ids. */
const most = 5000;
/** As they came, for a name may be another one in the other language. */
const known = shallowReactive(new Map<string, Entity>());
const asked = new Set<string>();

/** The name, or its id until the name is known and where nothing has that id. */
export function nameOfId(id: string): string {
    if (!asked.has(id) && asked.size < most) {
        asked.add(id);
        retrieve(id).then(
            (entity) => known.set(id, entity),
            // Nothing has it, or the line was lost: then it is asked for when it is next shown.
            (error) => error instanceof Problem || asked.delete(id),
        );
    }
    const entity = known.get(id);
    return entity ? nameOf(entity) : id;
}
