/** What the audit trail can be filtered by. A test compares the actions with the API's enumeration. */
import type { AuditAction, AuditView } from "@/api/schema";

export const VIEWS: AuditView[] = ["viewing", "off_hours", "exports", "failed_sign_ins", "permissions", "configuration", "decisions"];
export const ACTIONS: AuditAction[] = [
  "acceptance.view", "alert.ack", "alert.answer", "alert.arrive", "alert.close", "alert.decline", "alert.dispatch", "alert.list", "alert.photo", "alert.photo_view", "alert.raise", "alert.recall",
  "alert.reject", "alert.snooze", "alert.trail", "alert.view", "archive.repair", "audit.export", "audit.key", "audit.seal", "bookmark.add",
  "bookmark.delete", "camera.accept", "camera.acceptance", "camera.acceptance_propose", "camera.account",
  "camera.adopt", "camera.configure", "camera.edit", "camera.move", "camera.replace", "camera.restore",
  "camera.retire", "camera.sign", "cameras.expect", "cameras.identify", "cameras.onboarding.survey",
  "candidate.list", "case.close", "case.open", "contact.change", "contact.withdraw", "credential.set",
  "evidence.approve", "evidence.approve_by_phone", "evidence.cancel", "evidence.close", "evidence.confirm", "evidence.create",
  "evidence.expire", "evidence.extract", "evidence.hand_over", "evidence.refuse", "evidence.seal", "evidence.submit",
  "events.open", "fault.list",
  "fault.picture", "fault.reference", "fault.photo", "fault.report", "fault.verdict", "fault.week", "finding.accept", "footage.export",
  "hold.add",
  "hold.case_closed", "hold.follow", "hold.release", "hold.review", "inventory.apply", "inventory.export",
  "lanes.view", "live.close", "live.open", "maintenance.begin", "maintenance.end", "notify.secret", "notify.test", "order.cost", "order.create",
  "order.move", "order.photo", "order.photo_view", "order.still", "patrol.ask", "patrol.sign", "patrol.supplement",
  "pictures.drop", "playback.close", "playback.open", "ptz.preset", "ptz.take", "register.view", "report.export", "report.view",
  "retention.confirm", "retention.ntp", "retention.returned", "retention.suspended", "retention.time",
  "review.draw", "review.verdict", "search.count", "search.query.co_occurrence", "search.query.motion_search",
  "search.query.similar", "search.run", "second_factor.codes",
  "second_factor.confirm", "second_factor.enrol", "second_factor.recovery", "second_factor.refused",
  "second_factor.remove", "second_factor.reset", "session.close", "session.end", "session.open", "session.purpose",
  "session.refused", "session.replaced", "shift.note", "shift.take_over", "shift.view", "sighting.judge", "sighting.view",
  "sightings.drop", "sightings.unmatched", "snapshot.save", "snapshot.view", "station.bundle", "station_key.make", "station_key.rotate", "strip.view",
  "thumbnail.view", "time_lapse.close", "time_lapse.open", "unit.change", "unit.create", "unit.duty", "unit.view", "user.change", "user.create", "user.password",
  "user.password_refused", "user.reset", "user.unlock", "vendor.change", "wall_view.change", "wall_view.create", "wall_view.delete",
  "watch.approve", "watch.end", "watch.example", "watch.expected", "watch.list", "watch.look_back", "watch.mute",
  "watch.mute_dismiss", "watch.mute_propose", "watch.picture", "watch.propose", "watch.refuse", "watch.renew",
  "watch.threshold",
];
