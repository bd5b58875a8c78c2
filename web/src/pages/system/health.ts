// What of /metrics a person must know, with the bound where one exists, and what to do when it is bad.
import { bytes, duration, figure } from "../../lib/format.ts";
import { below, grown, perSecond, type Metrics } from "./metrics.ts";
import { say } from "../../words/health.ts";
import type { LinkCounts } from "../../lib/links.ts";

export type Level = "ok" | "late" | "bad" | "none";
export interface Row {
    id: string;
    group: string;
    title: string;
    value: string;
    number?: number | undefined;
    limit: string;
    level: Level;
    /** What it is; what to do, when it is not well. */
    text: string;
}
export interface Seen {
    health?: { status: string; uptimeSeconds: number; entities: number; store: string } | undefined;
    before: Metrics | undefined;
    now: Metrics;
    links: readonly LinkCounts[];
    devices: { total: number; silent: number; clock: number; fresh: number } | undefined;
}

/** More is worse. */
const over = (value: number | undefined, late: number, bad: number): Level =>
    value === undefined ? "none" : value >= bad ? "bad" : value >= late ? "late" : "ok";
const rate = (value: number | undefined): string =>
    value === undefined ? "–" : say("perSecond", { n: figure(value, value < 10 ? 1 : 0) });
const count = (value: number | undefined): string => (value === undefined ? "–" : figure(value, 0));
const size = (value: number | undefined): string => (value === undefined ? "–" : bytes(value));
const time = (seconds: number | undefined): string =>
    seconds === undefined
        ? "–"
        : seconds === Infinity
          ? "> 10 s"
          : seconds >= 10
            ? duration(seconds * 1000)
            : `${figure(seconds * 1000, 1)} ms`;

type Word = Parameters<typeof say>[0];
export function rowsOf({ health, before, now, links, devices }: Seen): Row[] {
    const rows: Row[] = [];
    let group = "";
    const add = (
        id: Word & string,
        value: string,
        level: Level,
        help?: Word,
        more: { limit?: string; number?: number | undefined; calm?: Word } = {},
    ): void => {
        const isWell = level === "ok" || level === "none";
        rows.push({
            id,
            group,
            title: say(id),
            value,
            number: more.number,
            limit: more.limit ?? "",
            level,
            text: isWell ? (more.calm ? say(more.calm) : "") : help ? say(help) : "",
        });
    };
    /** A counter that should stand still: bad while it grows, worth a look when it ever did. */
    const still = (id: Word & string, name: string, help: Word, worst: Level = "late"): void => {
        const all = now.sum(name);
        const more = grown(before, now, name) ?? 0;
        const level: Level = all === undefined ? "none" : more > 0 ? worst : all > 0 ? "late" : "ok";
        add(id, count(all), level, help, { number: all, limit: "0" });
    };
    const sum = (name: string): number | undefined => now.sum(name);

    group = say("writing");
    add(
        "store",
        say(sum("jindu_store_dead") ? "storeDead" : "storeWell"),
        sum("jindu_store_dead") ? "bad" : "ok",
        "storeHelp",
        {
            calm: "storeCalm",
        },
    );
    add("entities", count(health?.entities ?? sum("jindu_entities")), "none", undefined, {
        number: sum("jindu_entities"),
        calm: "entitiesCalm",
    });
    add("changes", rate(perSecond(before, now, "jindu_changes_total")), "none", undefined, {
        number: perSecond(before, now, "jindu_changes_total"),
        calm: "changesCalm",
    });
    const groups = grown(before, now, "jindu_groups_total");
    const spent = grown(before, now, "jindu_commit_seconds_total");
    const commit = groups && spent !== undefined ? spent / groups : undefined;
    add("commit", time(commit), over(commit, 0.1, 1), "commitHelp", {
        number: commit,
        limit: "100 ms",
        calm: "commitCalm",
    });
    const [queue, queueMax] = [sum("jindu_queue_bytes"), sum("jindu_queue_bytes_max")];
    add("queue", size(queue), queueMax ? over(queue, queueMax / 4, queueMax * 0.75) : "none", "queueHelp", {
        number: queue,
        limit: queueMax ? size(queueMax) : "",
        calm: "queueCalm",
    });
    still("groupsRefused", "jindu_groups_refused_total", "groupsRefusedHelp", "bad");

    group = say("disk");
    const [room, least] = [sum("jindu_store_free_bytes"), sum("jindu_store_free_bytes_min") ?? 0];
    const roomLevel: Level = !room ? "none" : room < least ? "bad" : room < Math.max(least * 4, 2e9) ? "late" : "ok";
    add("room", size(room), roomLevel, "roomHelp", {
        number: room,
        limit: least ? say("least", { n: size(least) }) : "",
        calm: "roomCalm",
    });
    const [log, logMax] = [sum("jindu_store_log_bytes"), sum("jindu_store_log_bytes_max")];
    add("log", size(log), logMax ? over(log, logMax / 4, logMax * 0.75) : "none", "logHelp", {
        number: log,
        limit: logMax ? size(logMax) : "",
        calm: "logCalm",
    });
    add("file", size(sum("jindu_store_file_bytes")), "none", undefined, {
        number: sum("jindu_store_file_bytes"),
        calm: "fileCalm",
    });
    add("memory", size(sum("process_resident_memory_bytes")), "none", undefined, {
        number: sum("process_resident_memory_bytes"),
        calm: "memoryCalm",
    });
    add(
        "history",
        count((sum("jindu_history_sealed_readings") ?? 0) + (sum("jindu_history_heads_readings") ?? 0)),
        "none",
        undefined,
        {
            calm: "historyCalm",
        },
    );

    group = say("linksGroup");
    const down = links.filter(({ state }) => state !== "open");
    add(
        "linksOpen",
        say("ofAll", { n: links.length - down.length, all: links.length }),
        down.length > 0 ? "bad" : "ok",
        "linksHelp",
        {
            number: links.length - down.length,
            calm: "linksCalm",
        },
    );
    const alone = links.filter(({ dial, connections }) => dial && !connections).length;
    add("peers", count(alone), "none", undefined, { number: alone, calm: "peersCalm" });
    const frames = perSecond(before, now, "jindu_link_frames_total");
    add("frames", rate(frames), "none", undefined, { number: frames, calm: "framesCalm" });
    const bad = grown(before, now, "jindu_link_bad_total");
    const taken = grown(before, now, "jindu_link_frames_total");
    const share = bad !== undefined && taken ? bad / (taken + bad) : undefined;
    add("badFrames", share === undefined ? "–" : `${figure(share * 100, 1)} %`, over(share, 0.01, 0.1), "badHelp", {
        number: share,
        limit: "1 %",
        calm: "badCalm",
    });
    const slowest = Math.max(0, ...links.map(({ answerMs }) => answerMs ?? 0)) / 1000;
    add("answer", time(links.length > 0 ? slowest : undefined), over(slowest, 1, 5), "answerHelp", {
        number: slowest,
        limit: "1 s",
        calm: "answerCalm",
    });
    if (devices) {
        const quiet = devices.silent > 0 ? "late" : "ok";
        add("silent", say("ofAll", { n: devices.silent, all: devices.total }), quiet, "silentHelp", {
            number: devices.silent,
            limit: "0",
        });
        add("clock", count(devices.clock), devices.clock > 0 ? "late" : "ok", "clockHelp", {
            number: devices.clock,
            limit: "0",
        });
        add("fresh", count(devices.fresh), devices.fresh > 0 ? "late" : "ok", "freshHelp", { number: devices.fresh });
    }

    group = say("judging");
    add("rules", count(sum("jindu_rules")), "none", undefined, { number: sum("jindu_rules"), calm: "rulesCalm" });
    const behind = sum("jindu_rules_behind_groups");
    add("rulesBehind", count(behind), over(behind, 100, 1000), "rulesBehindHelp", {
        number: behind,
        limit: "100",
        calm: "rulesBehindCalm",
    });
    const told = sum("jindu_matcher_behind_groups");
    add("toldBehind", count(told), over(told, 100, 1000), "toldBehindHelp", {
        number: told,
        limit: "100",
        calm: "toldBehindCalm",
    });
    const waiting = sum("jindu_notifications_waiting");
    add("toldWaiting", count(waiting), over(waiting, 1000, 100_000), "toldWaitingHelp", {
        number: waiting,
        limit: "1 000",
    });
    still("toldDead", "jindu_notifications_dead_total", "toldDeadHelp");
    const sendings = sum("jindu_people_sendings_waiting");
    add("sendings", count(sendings), over(sendings, 100, 10_000), "sendingsHelp", { number: sendings, limit: "100" });
    still("nobody", "jindu_people_nobody_left_total", "nobodyHelp", "bad");

    group = say("asking");
    add("readers", count(sum("jindu_live_readers")), "none", undefined, {
        number: sum("jindu_live_readers"),
        calm: "readersCalm",
    });
    still("readersRefused", "jindu_live_refused_total", "readersRefusedHelp");
    const asked = perSecond(before, now, "jindu_http_request_duration_seconds_count");
    add("requests", rate(asked), "none", undefined, { number: asked, calm: "requestsCalm" });
    const slow = below(before, now, "jindu_http_request_duration_seconds", 0.95);
    add("slow", slow === undefined ? "–" : `≤ ${time(slow)}`, over(slow, 2.5, 10), "slowHelp", {
        number: slow === Infinity ? undefined : slow,
        limit: "500 ms",
        calm: "slowCalm",
    });
    const jobs = sum("jindu_http_jobs_queued");
    add("jobs", count(jobs), over(jobs, 100, 500), "jobsHelp", { number: jobs, limit: "100" });
    const refusedNow = grown(before, now, "jindu_http_refused_total") ?? 0;
    add("doorRefused", count(sum("jindu_http_refused_total")), refusedNow > 0 ? "late" : "ok", "doorRefusedHelp", {
        number: sum("jindu_http_refused_total"),
    });
    return rows;
}
