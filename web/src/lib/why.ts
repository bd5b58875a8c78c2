// Why something failed, as a person reads it. A browser's own words are in its own language, so they are not shown.
import { Problem } from "./http.ts";
import { words } from "./words.ts";

const say = words({
    notReached: { zh: "连不上程序，请稍后再试。", en: "The program cannot be reached; try again in a while." },
    noAnswer: {
        zh: "程序没有及时回答，请稍后再试。",
        en: "The program did not answer in time; try again in a while.",
    },
});

/** `notReached`: what is said where the program could not be reached, when more is known of what that means. */
export function whyOf(error: unknown, notReached = say("notReached")): string {
    if (error instanceof Problem) return error.place ? `${error.message} (${error.place})` : error.message;
    if (error instanceof DOMException && error.name === "TimeoutError") return say("noAnswer");
    if (error instanceof TypeError) return notReached;
    return error instanceof Error ? error.message : String(error ?? "");
}
