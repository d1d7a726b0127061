/** The hand-over as groups of lines: what an officer must know first, with where each line leads. */
import type { HandoverView } from "@/api/schema";
import { duration } from "@/shared/duration";
import { t, term, termOf } from "@/shared/i18n";
import { dateTime } from "@/shared/time";

export interface ChangeLine {
  key: string;
  text: string;
  detail: string;
  to: string;
}

export interface ChangeGroup {
  key: string;
  title: string;
  count: number;
  /** quiet: nothing to do; attention, fault: as their shapes. unknown: nobody knows. */
  state: "ok" | "attention" | "fault" | "unknown";
  lines: ChangeLine[];
}

interface Excerpt<T> {
  count: number;
  items: T[];
}

const GIB = 2 ** 30;
const LOW_DAYS = 14;
const BEHIND_S = 600;

/** One group; `none` lines are "ok". A null excerpt is what the account may not see, and no group. */
function group<T>(key: string, title: string, found: Excerpt<T> | null, bad: ChangeGroup["state"], line: (item: T) => ChangeLine): ChangeGroup[] {
  if (found === null) return [];
  return [{ key, title, count: found.count, state: found.count ? bad : "ok", lines: found.items.map(line) }];
}

/** `villageName`: of a village's code. `personName`: of an account. */
export function changesOf(h: HandoverView, villageName: (code: string) => string, personName: (account: string) => string): ChangeGroup[] {
  const s = h.station;
  return [
    ...group("alerts", t("today.alerts"), h.alerts, "fault", (a) => ({ key: `a${a.id}`, text: `${a.title} · ${a.name}`, detail: t("shared.ago", { duration: duration(a.age_seconds) }), to: "/watch" })),
    ...group("unreachable", t("today.unreachable"), h.unreachable, "fault", (o) => ({ key: `u${o.account}`, text: o.name, detail: term("today.unreachableWhy", o.problem), to: "/watch" })),
    ...group("offline", t("today.offline"), s.newly_offline, "fault", (c) => ({ key: c.camera, text: c.name, detail: `${termOf(["cause", "family"], c.cause)} ${dateTime(c.since)}`, to: `/cameras?camera=${c.camera}` })),
    ...group("faults", t("today.faults"), s.new_faults, "attention", (f) => ({ key: `f${f.id}`, text: `${villageName(f.name)} · ${term("family", f.family)}`, detail: dateTime(f.opened_at), to: `/patrol?fault=${f.id}` })),
    ...inspections(h),
    ...group("orders", t("today.orders"), s.orders_late, "attention", (o) => ({ key: `o${o.id}`, text: o.title, detail: `${o.vendor || "—"} · ${t("today.dueAt", { at: dateTime(o.due) })}`, to: `/orders?order=${o.id}` })),
    ...decisions(h, personName),
    ...group("findings", t("today.findings"), s.findings, "attention", (f) => ({ key: `n${f.id}`, text: `${f.name || f.address} · ${term("cameras.kind", f.kind)}`, detail: dateTime(f.opened_at), to: "/cameras?tab=findings" })),
    ...group("holds", t("today.holds"), h.holds_ending, "attention", (x) => ({ key: `h${x.id}`, text: `${x.name} · ${x.reason || "—"}`, detail: dateTime(x.expires_at), to: "/holds" })),
    ...storage(h, villageName),
    ...search(h),
    ...group("closed", t("today.closed"), s.closed_faults, "ok", (f) => ({ key: `c${f.id}`, text: `${villageName(f.name)} · ${term("family", f.family)}`, detail: dateTime(f.closed_at), to: `/patrol?closed=1` })),
  ];
}

/** Cameras that no patrol looked at lately: of them nobody can say that they are good. */
function inspections(h: HandoverView): ChangeGroup[] {
  const { not_inspected: missing, cameras, since } = h.station.inspections;
  if (missing === 0) return [];
  const detail = since ? t("today.inspectedSince", { at: dateTime(since) }) : t("today.neverInspected");
  return [{ key: "inspections", title: t("today.notInspected"), count: missing, state: "unknown", lines: [{ key: "i", text: t("today.notInspectedOf", { missing, cameras }), detail, to: "/patrol" }] }];
}

function decisions(h: HandoverView, personName: (account: string) => string): ChangeGroup[] {
  const { proposals, acceptances, moves } = h.decisions;
  return [
    ...group("proposals", t("today.proposals"), proposals, "attention", (p) => ({ key: `p${p.id}`, text: p.title, detail: `${personName(p.proposed_by)} ${dateTime(p.proposed_at)}`, to: "/watch" })),
    ...group("acceptances", t("today.acceptances"), acceptances, "attention", (a) => ({ key: a.camera, text: a.name, detail: `${personName(a.proposed_by)} ${dateTime(a.proposed_at)}`, to: `/cameras?camera=${a.camera}` })),
    ...group("moves", t("today.moves"), moves, "attention", (m) => ({ key: `m${m.finding}`, text: `${m.name} ${m.was} → ${m.address}`, detail: dateTime(m.opened_at), to: `/cameras?camera=${m.camera}` })),
  ];
}

function storage(h: HandoverView, villageName: (code: string) => string): ChangeGroup[] {
  const short = h.station.retention_short.map((v) => ({
    key: `r${v.village}`, text: t("today.retentionShort", { village: villageName(v.village), possible: v.possible_days === null ? "—" : Math.floor(v.possible_days), required: v.required_days }),
    detail: v.days_until_short === null ? "" : t("today.shortIn", { days: Math.floor(v.days_until_short) }), to: "/reports",
  }));
  const disks = (h.station.disks ?? []).map((d) => ({
    key: d.path, text: d.path, bad: d.state !== "ok", low: d.days_left !== null && d.days_left < LOW_DAYS,
    detail: `${t("today.free", { gib: Math.round(d.free_bytes / GIB), of: Math.round(d.total_bytes / GIB) })} · ${d.days_left === null ? t("today.daysUnknown") : t("today.daysLeft", { days: Math.floor(d.days_left) })}`, to: "/reports",
  }));
  if (short.length + disks.length === 0) return [];
  const state = disks.some((d) => d.bad) ? "fault" : short.length || disks.some((d) => d.low) ? "attention" : "ok";
  return [{ key: "storage", title: t("today.storage"), count: short.length, state, lines: [...disks, ...short] }];
}

function search(h: HandoverView): ChangeGroup[] {
  const lag = h.station.search;
  if (lag === null || (lag.behind_seconds !== null && lag.behind_seconds < BEHIND_S && lag.skipped_seconds === 0 && lag.quarantined === 0)) return [];
  const detail = [lag.skipped_seconds ? t("today.skipped", { duration: duration(lag.skipped_seconds) }) : "", lag.quarantined ? t("today.leftOut", { n: lag.quarantined }) : ""].filter(Boolean).join(" · ");
  return [{ key: "search", title: t("today.search"), count: 1, state: "attention", lines: [{ key: "lag", text: lag.behind_seconds === null ? t("today.behindUnknown") : t("today.behind", { duration: duration(lag.behind_seconds) }), detail, to: "/search" }] }];
}
