// A real Chromium, driven by playwright-core, which brings none of its own. It runs as root and asks nobody outside.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome"];

/** Where the browser is: JINDU_CHROMIUM, else on the PATH; undefined when there is none. */
export function findBrowser(): string | undefined {
    const folders = (process.env["PATH"] ?? "").split(delimiter);
    const onPath = folders.flatMap((folder) => names.map((name) => join(folder, name)));
    const places = [process.env["JINDU_CHROMIUM"], ...onPath];
    return places.find((place) => {
        try {
            accessSync(place ?? "", constants.X_OK);
            return true;
        } catch {
            return false;
        }
    });
}

export function openBrowser(executablePath: string): Promise<Browser> {
    // The tests may run as root, for whom Chromium's sandbox does not work; it sees only our own page.
    return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"] });
}
