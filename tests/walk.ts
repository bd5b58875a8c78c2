import { readdirSync } from "node:fs";
import { join, relative } from "node:path";

const leaveOut = new Set([".git", "node_modules", "run", "dist"]);

/** Every file below `root` that belongs to the tree, as sorted relative paths; builds and what was fetched do not. */
export function walk(root: string): string[] {
    const found: string[] = [];
    const visit = (folder: string): void => {
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
            if (leaveOut.has(entry.name) || (folder === root && /^build(-|$)/.test(entry.name))) continue;
            const path = join(folder, entry.name);
            if (entry.isDirectory()) visit(path);
            else if (entry.isFile()) found.push(relative(root, path));
        }
    };
    visit(root);
    return found.sort();
}

/** Fails with one offender a line, which reads better than a difference of arrays. */
export function assertNone(offenders: string[]): void {
    if (offenders.length === 0) return;
    const more = offenders.length > 40 ? `\n  and ${offenders.length - 40} more` : "";
    const error = new Error(`${offenders.length} found:\n  ${offenders.slice(0, 40).join("\n  ")}${more}`);
    delete error.stack;
    throw error;
}
