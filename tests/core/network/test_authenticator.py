"""When a challenge is answered, and how: changing nonces, quoted strings, several offers in one field."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.network.authenticator import Authenticator, PlainPasswordLogin

LOGIN = ("admin", "secret12")


def digest(nonce: str, *, realm: str = "cam", more: str = "") -> list[str]:
    return [f'Digest realm="{realm}", nonce="{nonce}"{more}']


def answered(auth: Authenticator, challenges: list[str]) -> bool:
    """Take the challenge and send a request with the answer."""
    useful = auth.challenge(challenges)
    assert auth.header("DESCRIBE", "rtsp://c/")
    return useful


def test_the_same_nonce_twice_is_a_refusal() -> None:
    auth = Authenticator(LOGIN)
    assert answered(auth, digest("a"))
    assert not auth.challenge(digest("a"))


def test_a_new_nonce_is_answered_once_whatever_it_says_of_stale() -> None:
    for more in ("", ', stale="FALSE"', ", stale=false"):
        auth = Authenticator(LOGIN)
        assert answered(auth, digest("a"))
        assert answered(auth, digest("b", more=more))
        assert not auth.challenge(digest("c", more=more))  # a wrong password is not sent again and again


def test_a_nonce_for_each_request_is_answered_each_time() -> None:
    auth = Authenticator(LOGIN)
    for nonce in "abcdefgh":
        assert answered(auth, digest(nonce))
        auth.accepted()


def test_a_challenge_that_was_only_heard_is_answered() -> None:
    """OPTIONS was refused with one nonce, and the next request with another."""
    auth = Authenticator(LOGIN)
    assert auth.challenge(digest("a"))
    assert answered(auth, digest("b"))
    assert answered(auth, digest("c"))
    assert not auth.challenge(digest("c"))


def test_stale_is_no_refusal_and_basic_has_no_nonce() -> None:
    auth = Authenticator(LOGIN)
    assert answered(auth, digest("a"))
    assert answered(auth, digest("a", more=", stale=TRUE"))
    basic = Authenticator(LOGIN, basic=True)
    assert answered(basic, ['Basic realm="x"'])
    assert not basic.challenge(['Basic realm="x"'])


@pytest.mark.parametrize(
    ("realm", "meant"),
    [
        (r"IP \"Camera\"", 'IP "Camera"'),
        (r"IP\Camera", r"IP\Camera"),
        (r"a\\b", r"a\b"),
        ("a, b=c", "a, b=c"),
        ("", ""),
    ],
)
def test_quoted_strings(realm: str, meant: str) -> None:
    auth = Authenticator(LOGIN)
    assert auth.challenge(digest('n,"x'.replace('"', r"\""), realm=realm, more=', opaque="a=b, c"'))
    header = auth.header("PLAY", "rtsp://c/?a=1")
    ha1 = hashlib.md5(f"admin:{meant}:secret12".encode()).hexdigest()
    ha2 = hashlib.md5(b"PLAY:rtsp://c/?a=1").hexdigest()
    nonce = r"n,\"x"
    assert f'response="{hashlib.md5(f"{ha1}:{nonce}:{ha2}".encode()).hexdigest()}"' in header
    assert f'realm="{realm}"' in header and f'nonce="{nonce}"' in header and 'opaque="a=b, c"' in header


def test_a_user_s_quotes_are_escaped() -> None:
    auth = Authenticator(('p"a\\s', "x"))
    auth.challenge(digest("a"))
    assert r'username="p\"a\\s"' in auth.header("PLAY", "*")


def test_several_offers_in_one_field() -> None:
    auth = Authenticator(LOGIN)
    assert auth.challenge(['Basic realm="a, Digest b", Digest realm="c", nonce="n1", algorithm="MD5"'])
    assert auth.header("PLAY", "*").startswith("Digest ") and 'realm="c"' in auth.header("PLAY", "*")
    best = Authenticator(LOGIN)
    assert best.challenge(['Digest realm="c",nonce="n",algorithm=MD5,Digest realm="d",nonce="n",algorithm="sha-256"'])
    assert 'realm="d"' in best.header("PLAY", "*")


def test_what_we_do_not_speak_is_not_answered() -> None:
    for offers in ([], ["Bearer x"], ['Digest realm="a", nonce="b", algorithm=SHA-512-256'], ["Basicrealm"]):
        assert not Authenticator(LOGIN).challenge(offers)
    assert not Authenticator(None).challenge(digest("a"))
    assert not Authenticator(LOGIN).challenge(['Basic realm="x"'])


def test_a_login_that_may_be_told_is_another_one() -> None:
    """So that a recorder that runs with one of them notices the other."""
    clear = PlainPasswordLogin(LOGIN)
    assert clear != LOGIN and clear == PlainPasswordLogin(LOGIN) and tuple(clear) == LOGIN and clear != LOGIN
    allowed = Authenticator(clear, basic=True)
    assert (
        allowed.challenge(['Digest realm="x", nonce="n"'])
        and not allowed.challenge(['Basic realm="x"'])
        and allowed.wants_clear_password
    )


@given(st.lists(st.sampled_from("ab"), min_size=3, max_size=12))
def test_a_wrong_password_is_sent_twice_at_most(nonces: list[str]) -> None:
    auth, sent = Authenticator(LOGIN), 0
    for nonce in nonces:
        if not auth.challenge(digest(nonce)):
            break
        auth.header("DESCRIBE", "rtsp://c/")
        sent += 1
    assert sent <= 2


@pytest.mark.parametrize(
    "text", ["Digest " + "a" * 64_000, 'Digest x="' + '\\"' * 32_000, "Digest " + 'a="b' * 16_000, "digest," * 9_000]
)
def test_a_hostile_challenge_takes_no_time(text: str) -> None:
    """One camera's header must not block the event loop: this input once took half a minute."""
    began = time.process_time()
    Authenticator(LOGIN).challenge([text])
    assert time.process_time() - began < 0.05


def test_nothing_is_answered_before_a_challenge_that_is_known() -> None:
    auth = Authenticator(LOGIN)
    assert not auth.challenge(digest("a", more=", algorithm=MD5-sess")) and not auth.header("DESCRIBE", "rtsp://c/")
    assert not auth.answered
    assert answered(auth, digest("a")) and auth.answered
