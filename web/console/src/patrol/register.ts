import type { paths } from "@/api/schema";

/** The answer of GET /api/patrol/day. */
export type DayRegister = paths["/api/patrol/day"]["get"]["responses"]["200"]["content"]["application/json"];
