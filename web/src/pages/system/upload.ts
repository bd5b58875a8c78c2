// A file on its way: fetch tells nothing of how far it is, so this goes by XMLHttpRequest. Failures as lib/http.ts has
// them.
import { heard, lost, Problem, type Fault } from "../../lib/http.ts";
import { language } from "../../lib/words.ts";

export interface Upload<T> {
    answer: Promise<T>;
    abort: () => void;
}

/** `progress`: the share that is sent; 1 means that the program is at work on it. */
export function upload<T>(path: string, body: Blob | Uint8Array, progress: (share: number) => void): Upload<T> {
    const request = new XMLHttpRequest();
    const answer = new Promise<T>((done, failed) => {
        request.open("POST", path);
        request.setRequestHeader("Accept", "application/json");
        request.setRequestHeader("Accept-Language", language.value);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
        request.upload.onload = () => progress(1);
        request.onerror = () => {
            lost();
            failed(new TypeError("network"));
        };
        request.onabort = () => failed(new DOMException("aborted", "AbortError"));
        request.onload = () => {
            heard();
            const told = parse(request.responseText);
            if (request.status >= 200 && request.status < 300) done(told as T);
            else {
                const { title, detail, place, faults } = told as {
                    title?: string;
                    detail?: string;
                    place?: string;
                    faults?: Fault[];
                };
                failed(new Problem(request.status, title ?? request.statusText, detail, place, faults));
            }
        };
        request.send(body as Blob);
    });
    return { answer, abort: () => request.abort() };
}
function parse(text: string): unknown {
    try {
        return JSON.parse(text);
    } catch {
        return {};
    }
}
