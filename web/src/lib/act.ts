// Something that a person has done by the program: one at a time; what was done says so, and so does what was not.
import { ref, type Ref } from "vue";

export interface Act {
    busy: Ref<boolean>;
    told: Ref<string>;
    problem: Ref<unknown>;
    /** `work` gives what is told when it is done. True: it is done. */
    run: (work: () => Promise<string>) => Promise<boolean>;
}
export function useAct(): Act {
    const busy = ref(false);
    const told = ref("");
    const problem = ref<unknown>();
    async function run(work: () => Promise<string>): Promise<boolean> {
        told.value = "";
        problem.value = undefined;
        busy.value = true;
        try {
            told.value = await work();
            return true;
        } catch (error) {
            problem.value = error;
            return false;
        } finally {
            busy.value = false;
        }
    }
    return { busy, told, problem, run };
}
