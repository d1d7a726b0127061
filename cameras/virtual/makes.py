"""Virtual makes: at least one has each family of quirks.

The names are invented, the behaviour is that of real cameras.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VirtualMake:
    manufacturer: str
    model: str
    firmware: str
    quirks: frozenset[str] = frozenset()
    dome: bool = False
    card: bool = True


def _make(
    manufacturer: str, model: str, *quirks: str, firmware: str = "1.0", dome: bool = False, card: bool = True
) -> VirtualMake:
    return VirtualMake(manufacturer, model, firmware, frozenset(quirks), dome, card)


MAKES = (
    _make("Tianmu", "TM-2M", firmware="5.7.1"),  # standard-conforming
    _make("Tianmu", "TM-PTZ", "digest_only", "sha256", firmware="5.7.3", dome=True),
    _make("Tianmu", "TM-2C", "locks_out", "set_resets_zone", "refuses_zone", firmware="4.0.8"),
    _make(
        "Huaan", "HA-IPC3", "media1_without_encoder", "short_passwords", "wsse_only", "refuses_in_400", "small_window"
    ),
    _make("Huaan", "HA-IPC5", "media2_only", "short_nonce", "rounds"),
    _make("Xiongying", "XY-500", "old_host", "rtsp_query_password", "clone", "gbk", card=False),
    _make("Xiongying", "XY-510", "dead_port", "rtsp_password", "open_access", "no_termination_time", card=False),
    _make("Xiongying", "XY-520", "bare_ampersand", "wsse_only", "undeclared_prefix", "ignores_sets", card=False),
    _make(
        "Puxing",
        "PX-1",
        "odd_path",
        "cuts_passwords",
        "rtsp_port_80",
        "no_snapshot",
        "relative_subscription",
        "one_slot",
    ),
    _make("Puxing", "PX-2", "rtsp_two_ports", "rtsp_own_users", "needs_action", "drops_pull", "claims_events"),
    _make("Jianlai", "JL-80", "few_services", "needs_sign", "dashed_mac", "odd_zone", "local_as_utc", dome=True),
    _make("Jianlai", "JL-81", "no_get_services", "no_mac", "local_time_only", "reordered"),
    _make(
        "Jianlai",
        "JL-82",
        "media2_without_types",
        "no_masks",
        "date_before_time",
        "unknown_elements",
        "wrong_event_namespace",
    ),
    _make("Gutian", "GT-A", "year_1970", "ignores_users", "wrong_namespace", "returns_at_once", "rtsp_zero"),
    _make("Gutian", "GT-B", "time_needs_login", "soap11", "closes_silently"),
    _make("Gutian", "GT-C", "overflow_time", "bom", "html_errors", "refuses_in_200", "wsse_only"),
    _make("Gutian", "GT-D", "multipart", "user_limit", "single_threaded", "restarts_stream"),
    _make("Nobody", "IPC", "open_access", "ignores_encoder", "rtsp_zero", card=False),
)
