// Reads what the runners wrote down: meson's testlog.json (one JSON object a line) and node's TAP.
export interface Count {
    passed: number;
    failed: number;
    skipped: number;
    notes: string[];
}

interface MesonLine {
    name: string;
    result: string;
    stdout?: string;
    stderr?: string;
}

const none = (): Count => ({ passed: 0, failed: 0, skipped: 0, notes: [] });

// cmocka says how many cases an executable ran and how many passed; a group's lines may come several times.
function cmockaCases(
    output: string,
): { ran: number; passed: number; skipped: number; failedNames: string[] } | undefined {
    const sum = (pattern: RegExp): number =>
        [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
    if (!/\[=+\].*Running \d+ test/.test(output)) return undefined;
    return {
        ran: sum(/\[=+\].*Running (\d+) test/g),
        passed: sum(/\[ +PASSED +\] (\d+) test/g),
        skipped: sum(/\[ +SKIPPED +\].*?(\d+) test/g),
        failedNames: [
            ...new Set([...output.matchAll(/\[ +FAILED +\] ([A-Za-z_]\w*)\s*$/gm)].map((match) => match[1]!)),
        ],
    };
}

/** Adds up meson's log. An executable that says how many cases it ran counts as so many, any other as one. */
export function readMeson(log: string): Count {
    const count = none();
    for (const line of log.split("\n")) {
        if (line.trim() === "") continue;
        let test: MesonLine;
        try {
            test = JSON.parse(line) as MesonLine;
        } catch {
            count.failed++;
            count.notes.push("meson's log is cut short");
            continue;
        }
        const cases = cmockaCases(`${test.stdout ?? ""}\n${test.stderr ?? ""}`);
        switch (test.result) {
            case "OK":
            case "EXPECTEDFAIL":
                if (cases && cases.ran === 0) {
                    count.failed++;
                    count.notes.push(`${test.name}: ran no case`);
                } else {
                    count.passed += cases ? Math.max(1, cases.passed) : 1;
                    count.skipped += cases?.skipped ?? 0;
                }
                break;
            case "SKIP":
                count.skipped++;
                break;
            default: {
                const names = cases?.failedNames ?? [];
                count.passed += cases?.passed ?? 0;
                count.failed += Math.max(1, names.length);
                count.notes.push(`${test.name}: ${test.result}${names.length > 0 ? ` (${names.join(", ")})` : ""}`);
            }
        }
    }
    return count;
}

/**
 * Reads the TAP of one `node --test`. `files` are the absolute paths given to it: the runner reports a file under its
 * own path only when it crashed or held no test at all, and the latter it calls passed, which it is not.
 */
export function readTap(tap: string, files: string[]): Count {
    const count = none();
    const figure = (name: string): number | undefined => {
        const found = [...tap.matchAll(new RegExp(`^# ${name} (\\d+)$`, "gm"))].at(-1);
        return found ? Number(found[1]) : undefined;
    };
    const pass = figure("pass");
    const fail = figure("fail");
    if (pass === undefined || fail === undefined) {
        count.failed = 1;
        count.notes.push("the runner ended before it had counted");
        return count;
    }
    count.passed = pass;
    count.failed = fail + (figure("cancelled") ?? 0);
    count.skipped = (figure("skipped") ?? 0) + (figure("todo") ?? 0);
    for (const match of tap.matchAll(/^( *)(not ok|ok) \d+ - (.*?)(?: # (?:SKIP|TODO).*)?$/gm)) {
        const [, , state, name] = match as unknown as [string, string, string, string];
        const empty = state === "ok" && files.includes(name);
        if (empty) {
            count.passed--;
            count.failed++;
            count.notes.push(`${name}: holds no test`);
        } else if (state === "not ok") {
            count.notes.push(name);
        }
    }
    return count;
}
